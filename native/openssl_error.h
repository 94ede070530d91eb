// OpenSSL's error queue belongs to the thread, and so would outlive the call that filled it.
#ifndef SIDECERT_OPENSSL_ERROR_H
#define SIDECERT_OPENSSL_ERROR_H

#include <string>

#include "result.h"

namespace sidecert {

// Empties the queue when it leaves its scope: whatever happened, the next call on this thread finds no stale error.
// Node's own crypto looks at the same queue.
class DrainedErrors {
 public:
  DrainedErrors() = default;
  DrainedErrors(const DrainedErrors&) = delete;
  DrainedErrors& operator=(const DrainedErrors&) = delete;
  ~DrainedErrors();
};

// For what cannot fail unless memory or randomness has run out. Tells OpenSSL's reason, which names no value.
Failure opensslFailure(const char* what);

// "WHAT: got GOT, expected EXPECTED"
Failure refusal(Code code, const std::string& what, const std::string& got, const std::string& expected);

}  // namespace sidecert

#endif
