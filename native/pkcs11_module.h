// A PKCS#11 module: the library of the vendor of a token, loaded into this process.
#ifndef SIDECERT_PKCS11_MODULE_H
#define SIDECERT_PKCS11_MODULE_H

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bytes.h"
#include "cryptoki.h"

namespace sidecert {

// What a module has refused. `value` is its CK_RV.
struct Pkcs11Failure {
  std::string call;
  cryptoki::Ulong value;
};

template <class T>
using Pkcs11Result = std::variant<T, Pkcs11Failure>;

struct Pkcs11Token {
  cryptoki::Ulong slot;
  cryptoki::TokenInfo facts;
};

// Its functions may be called by several threads at once, each with a session of its own: the module is asked for locks.
class Pkcs11Module {
 public:
  // The text says why the library does not load. Initialises the module.
  static std::variant<std::shared_ptr<Pkcs11Module>, Pkcs11Failure, std::string> load(const std::string& path);

  // Those that are present.
  Pkcs11Result<std::vector<Pkcs11Token>> tokens() const;
  Pkcs11Result<cryptoki::Ulong> openSession(cryptoki::Ulong slot) const;
  // The login is that of all sessions of this process with the token.
  std::optional<Pkcs11Failure> login(cryptoki::Ulong session, View pin) const;
  // Private keys of this label and id, where given; a few at most.
  Pkcs11Result<std::vector<cryptoki::Ulong>> privateKeys(cryptoki::Ulong session, const std::optional<Bytes>& label,
                                                        const std::optional<Bytes>& id) const;
  // Nothing when the object has no such attribute, or does not show it.
  Pkcs11Result<std::optional<Bytes>> attribute(cryptoki::Ulong session, cryptoki::Ulong object,
                                               cryptoki::Ulong type) const;
  // Takes as long as the token does.
  Pkcs11Result<Bytes> sign(cryptoki::Ulong session, cryptoki::Ulong key, cryptoki::Ulong mechanism,
                           const Bytes& input) const;
  // Ends all sessions and the login.
  std::optional<Pkcs11Failure> finalize() const;

 private:
  explicit Pkcs11Module(cryptoki::FunctionList* functions) : functions_(functions) {}

  cryptoki::FunctionList* functions_;
};

}  // namespace sidecert

#endif
