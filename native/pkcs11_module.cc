#include "pkcs11_module.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include <algorithm>

namespace sidecert {

using cryptoki::Attribute;
using cryptoki::Byte;
using cryptoki::Ulong;

namespace {

// One is wanted; a second one shows that label and id do not say which.
constexpr Ulong kMaxKeys = 8;
constexpr size_t kMaxSlots = 256;
constexpr size_t kMaxAttributeBytes = 4096;
// RSA-16384, beyond any token.
constexpr size_t kMaxSignatureBytes = 2048;

std::string lastLoadError() {
#ifdef _WIN32
  return "PKCS#11 modules are not loaded on Windows";
#else
  const char* text = dlerror();
  return text == nullptr ? "the library does not load" : text;
#endif
}

cryptoki::GetFunctionList entryOf(const std::string& path) {
#ifdef _WIN32
  (void)path;
  return nullptr;
#else
  int flags = RTLD_NOW | RTLD_LOCAL;
#if defined(RTLD_DEEPBIND) && !defined(__SANITIZE_ADDRESS__)
  // Node exports the functions of its OpenSSL. A module that brings an OpenSSL of its own must call that one.
  flags |= RTLD_DEEPBIND;
#endif
  // Never closed: modules leave threads and handlers behind.
  void* library = dlopen(path.c_str(), flags);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<cryptoki::GetFunctionList>(dlsym(library, "C_GetFunctionList"));
#endif
}

Attribute attributeOf(Ulong type, const Bytes& value) {
  return {type, const_cast<uint8_t*>(value.data()), static_cast<Ulong>(value.size())};
}

}  // namespace

std::variant<std::shared_ptr<Pkcs11Module>, Pkcs11Failure, std::string> Pkcs11Module::load(const std::string& path) {
  const cryptoki::GetFunctionList getFunctionList = entryOf(path);
  if (getFunctionList == nullptr) return lastLoadError();
  cryptoki::FunctionList* functions = nullptr;
  const Ulong got = getFunctionList(&functions);
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_GetFunctionList", got};
  if (functions == nullptr) return Pkcs11Failure{"C_GetFunctionList", cryptoki::kFunctionFailed};
  cryptoki::InitializeArgs args{nullptr, nullptr, nullptr, nullptr, cryptoki::kOsLockingOk, nullptr};
  const Ulong initialized = functions->initialize(&args);
  if (initialized != cryptoki::kOk && initialized != cryptoki::kAlreadyInitialized) {
    return Pkcs11Failure{"C_Initialize", initialized};
  }
  return std::shared_ptr<Pkcs11Module>(new Pkcs11Module(functions));
}

Pkcs11Result<std::vector<Pkcs11Token>> Pkcs11Module::tokens() const {
  // To ask for their number first is how a module is made to look at its slots again. (PKCS #11 §5.5, C_GetSlotList)
  Ulong count = 0;
  Ulong got = functions_->getSlotList(1, nullptr, &count);
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_GetSlotList", got};
  std::vector<Ulong> slots(kMaxSlots);
  count = kMaxSlots;
  got = functions_->getSlotList(1, slots.data(), &count);
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_GetSlotList", got};
  slots.resize(std::min<size_t>(count, kMaxSlots));
  std::vector<Pkcs11Token> tokens;
  for (const Ulong slot : slots) {
    Pkcs11Token token{slot, {}};
    // One that goes just now, or is of a kind that the module cannot read, hides no other.
    if (functions_->getTokenInfo(slot, &token.facts) == cryptoki::kOk) tokens.push_back(token);
  }
  return tokens;
}

Pkcs11Result<Ulong> Pkcs11Module::openSession(Ulong slot) const {
  Ulong session = 0;
  const Ulong got = functions_->openSession(slot, cryptoki::kSerialSession, nullptr, nullptr, &session);
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_OpenSession", got};
  return session;
}

std::optional<Pkcs11Failure> Pkcs11Module::login(Ulong session, View pin) const {
  const Ulong got =
      functions_->login(session, cryptoki::kUser, const_cast<Byte*>(pin.data), static_cast<Ulong>(pin.size));
  if (got == cryptoki::kOk || got == cryptoki::kUserAlreadyLoggedIn) return std::nullopt;
  return Pkcs11Failure{"C_Login", got};
}

Pkcs11Result<std::vector<Ulong>> Pkcs11Module::privateKeys(Ulong session, const std::optional<Bytes>& label,
                                                          const std::optional<Bytes>& id) const {
  Ulong privateKey = cryptoki::kPrivateKeyClass;
  std::vector<Attribute> wanted{{cryptoki::kClass, &privateKey, sizeof privateKey}};
  if (label) wanted.push_back(attributeOf(cryptoki::kLabel, *label));
  if (id) wanted.push_back(attributeOf(cryptoki::kId, *id));
  Ulong got = functions_->findObjectsInit(session, wanted.data(), static_cast<Ulong>(wanted.size()));
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_FindObjectsInit", got};
  std::vector<Ulong> keys(kMaxKeys);
  Ulong count = 0;
  got = functions_->findObjects(session, keys.data(), kMaxKeys, &count);
  functions_->findObjectsFinal(session);
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_FindObjects", got};
  keys.resize(std::min(count, kMaxKeys));
  return keys;
}

Pkcs11Result<std::optional<Bytes>> Pkcs11Module::attribute(Ulong session, Ulong object, Ulong type) const {
  Bytes value(kMaxAttributeBytes);
  Attribute asked{type, value.data(), static_cast<Ulong>(value.size())};
  const Ulong got = functions_->getAttributeValue(session, object, &asked, 1);
  if (got == cryptoki::kAttributeTypeInvalid || got == cryptoki::kAttributeSensitive) return std::optional<Bytes>();
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_GetAttributeValue", got};
  value.resize(std::min<size_t>(asked.size, kMaxAttributeBytes));
  return std::optional<Bytes>(std::move(value));
}

Pkcs11Result<Bytes> Pkcs11Module::sign(Ulong session, Ulong key, Ulong mechanism, const Bytes& input) const {
  cryptoki::Mechanism chosen{mechanism, nullptr, 0};
  Ulong got = functions_->signInit(session, &chosen, key);
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_SignInit", got};
  Bytes signature(kMaxSignatureBytes);
  Ulong size = kMaxSignatureBytes;
  got = functions_->sign(session, const_cast<Byte*>(input.data()), static_cast<Ulong>(input.size()), signature.data(),
                         &size);
  if (got != cryptoki::kOk) return Pkcs11Failure{"C_Sign", got};
  signature.resize(std::min<size_t>(size, kMaxSignatureBytes));
  return signature;
}

std::optional<Pkcs11Failure> Pkcs11Module::finalize() const {
  const Ulong got = functions_->finalize(nullptr);
  if (got == cryptoki::kOk) return std::nullopt;
  return Pkcs11Failure{"C_Finalize", got};
}

}  // namespace sidecert
