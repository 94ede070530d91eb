#include "trust_store.h"

#include "openssl_error.h"
#include "openssl_ptr.h"
#include "pem.h"

namespace sidecert {

namespace {

// Where the next context of this thread is to be told; null nearly always.
thread_local SSL_CTX** tellNewest = nullptr;

// OpenSSL calls it for each context that it makes, in the thread that asked for that. (CRYPTO_EX_new in
// CRYPTO_get_ex_new_index(3))
void onNewContext(void* context, void*, CRYPTO_EX_DATA*, int, long, void*) {
  if (tellNewest != nullptr) *tellNewest = static_cast<SSL_CTX*>(context);
}

// Once in a process: OpenSSL never takes such an index back. So this library stays loaded when the thread that loaded it
// has ended (-z nodelete in binding.gyp).
bool isHearing() {
  static const bool heard = SSL_CTX_get_ex_new_index(0, nullptr, onNewContext, nullptr, nullptr) >= 0;
  return heard;
}

}  // namespace

NewContext::NewContext() {
  if (isHearing()) tellNewest = &made_;
}

NewContext::~NewContext() { tellNewest = nullptr; }

Result<Nothing> trustRoots(SSL_CTX* context, View pem) {
  const DrainedErrors drained;
  // As src/pki/spiffe/trust-bundle.ts bounds them.
  constexpr size_t maxBytes = 1024 * 1024;
  auto blocks = readPem(pem, {"roots", Code::bundleInvalid, maxBytes, maxBytes, true});
  if (!blocks.ok()) return std::move(blocks.failure());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (store == nullptr) return opensslFailure("SSL_CTX_get_cert_store");
  for (const PemBlock& block : blocks.value()) {
    const uint8_t* at = block.der.data();
    const X509Ptr root(d2i_X509(nullptr, &at, static_cast<long>(block.der.size())));
    if (root == nullptr || at != block.der.data() + block.der.size()) {
      return refusal(Code::bundleInvalid, "roots", "a block that is no certificate", "certificates");
    }
    // The store counts its owners itself, and one that is in it already is no failure.
    if (X509_STORE_add_cert(store, root.get()) != 1) return opensslFailure("X509_STORE_add_cert");
  }
  if (X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1) return opensslFailure("X509_STORE_set_flags");
  return Nothing{};
}

}  // namespace sidecert
