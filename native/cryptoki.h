// What this addon takes of PKCS#11, in the shape that its C interface has on Unix: versions 2.11 to 3.2 agree in all of it.
// (PKCS #11 Specification 3.1, §3 "Data types" and §5 "Functions"; OASIS headers pkcs11t.h and pkcs11f.h)
#ifndef SIDECERT_CRYPTOKI_H
#define SIDECERT_CRYPTOKI_H

namespace sidecert::cryptoki {

using Byte = unsigned char;
using Ulong = unsigned long;

constexpr Ulong kOk = 0x0;
constexpr Ulong kAlreadyInitialized = 0x191;
constexpr Ulong kUserAlreadyLoggedIn = 0x100;
constexpr Ulong kAttributeTypeInvalid = 0x12;
constexpr Ulong kAttributeSensitive = 0x11;
constexpr Ulong kFunctionFailed = 0x6;

constexpr Ulong kOsLockingOk = 0x2;
constexpr Ulong kSerialSession = 0x4;
constexpr Ulong kUser = 1;
constexpr Ulong kPrivateKeyClass = 3;

// CKA_
constexpr Ulong kClass = 0x0;
constexpr Ulong kLabel = 0x3;
constexpr Ulong kId = 0x102;

struct Version {
  Byte major;
  Byte minor;
};

// Texts are filled with blanks to their length, and have no end mark.
struct TokenInfo {
  Byte label[32];
  Byte manufacturer[32];
  Byte model[16];
  Byte serial[16];
  Ulong flags;
  Ulong counts[10];
  Version hardware;
  Version firmware;
  Byte utcTime[16];
};

struct Attribute {
  Ulong type;
  void* value;
  Ulong size;
};

struct Mechanism {
  Ulong type;
  void* parameter;
  Ulong size;
};

struct InitializeArgs {
  void* createMutex;
  void* destroyMutex;
  void* lockMutex;
  void* unlockMutex;
  Ulong flags;
  void* reserved;
};

using Unused = void (*)();

// CK_FUNCTION_LIST up to the last function that is called here, in the order of the standard.
struct FunctionList {
  Version version;
  Ulong (*initialize)(InitializeArgs*);
  Ulong (*finalize)(void*);
  Unused getInfo;
  Unused getFunctionList;
  Ulong (*getSlotList)(Byte tokenPresent, Ulong* slots, Ulong* count);
  Unused getSlotInfo;
  Ulong (*getTokenInfo)(Ulong slot, TokenInfo*);
  Unused getMechanismList;
  Unused getMechanismInfo;
  Unused initToken;
  Unused initPin;
  Unused setPin;
  Ulong (*openSession)(Ulong slot, Ulong flags, void* application, Unused notify, Ulong* session);
  Unused closeSession;
  Unused closeAllSessions;
  Unused getSessionInfo;
  Unused getOperationState;
  Unused setOperationState;
  Ulong (*login)(Ulong session, Ulong user, Byte* pin, Ulong size);
  Unused logout;
  Unused createObject;
  Unused copyObject;
  Unused destroyObject;
  Unused getObjectSize;
  Ulong (*getAttributeValue)(Ulong session, Ulong object, Attribute*, Ulong count);
  Unused setAttributeValue;
  Ulong (*findObjectsInit)(Ulong session, Attribute*, Ulong count);
  Ulong (*findObjects)(Ulong session, Ulong* objects, Ulong max, Ulong* count);
  Ulong (*findObjectsFinal)(Ulong session);
  Unused encryptInit;
  Unused encrypt;
  Unused encryptUpdate;
  Unused encryptFinal;
  Unused decryptInit;
  Unused decrypt;
  Unused decryptUpdate;
  Unused decryptFinal;
  Unused digestInit;
  Unused digest;
  Unused digestUpdate;
  Unused digestKey;
  Unused digestFinal;
  Ulong (*signInit)(Ulong session, Mechanism*, Ulong key);
  Ulong (*sign)(Ulong session, Byte* data, Ulong size, Byte* signature, Ulong* signatureSize);
};

using GetFunctionList = Ulong (*)(FunctionList**);

}  // namespace sidecert::cryptoki

#endif
