#include "openssl_error.h"

#include <openssl/err.h>

namespace sidecert {

DrainedErrors::~DrainedErrors() { ERR_clear_error(); }

Failure opensslFailure(const char* what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return {Code::internal, std::string(what) + " failed in OpenSSL: " + (reason == nullptr ? "no reason" : reason)};
}

Failure refusal(Code code, const std::string& what, const std::string& got, const std::string& expected) {
  return {code, what + ": got " + got + ", expected " + expected};
}

const char* nameOf(Code code) {
  switch (code) {
    case Code::bundleInvalid:
      return "ERR_BUNDLE_INVALID";
    case Code::csrInvalid:
      return "ERR_CSR_INVALID";
    case Code::internal:
      return "ERR_INTERNAL";
    case Code::keyTypeUnsupported:
      return "ERR_KEY_TYPE_UNSUPPORTED";
    case Code::signerInvalid:
      return "ERR_SIGNER_INVALID";
    case Code::svidIdentityMismatch:
      return "ERR_SVID_IDENTITY_MISMATCH";
    case Code::svidKeyMismatch:
      return "ERR_SVID_KEY_MISMATCH";
    case Code::svidMalformed:
      return "ERR_SVID_MALFORMED";
    case Code::svidNotValidNow:
      return "ERR_SVID_NOT_VALID_NOW";
    case Code::svidUntrusted:
      return "ERR_SVID_UNTRUSTED";
  }
  return "ERR_INTERNAL";
}

}  // namespace sidecert
