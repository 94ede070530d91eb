// The roots that a TLS context of Node's trusts.
#ifndef SIDECERT_TRUST_STORE_H
#define SIDECERT_TRUST_STORE_H

#include <openssl/ssl.h>

#include "bytes.h"
#include "result.h"

namespace sidecert {

// Tells the context that OpenSSL makes in this thread while it lives: Node has no other way to it from outside.
class NewContext {
 public:
  NewContext();
  NewContext(const NewContext&) = delete;
  NewContext& operator=(const NewContext&) = delete;
  ~NewContext();

  // The last one that was made; null when none was.
  SSL_CTX* get() const { return made_; }

 private:
  SSL_CTX* made_ = nullptr;
};

// Adds the certificates of `pem` to what `context` trusts, each an anchor also when it is not self-signed
// (RFC 5280 §6.1.1). After a failure the context trusts some of them, or none, and is not to be used.
Result<Nothing> trustRoots(SSL_CTX* context, View pem);

}  // namespace sidecert

#endif
