// How a function says no: by value. There are no exceptions in this addon.
#ifndef SIDECERT_RESULT_H
#define SIDECERT_RESULT_H

#include <string>
#include <utility>
#include <variant>

namespace sidecert {

// The codes of src/errors/error-codes.ts that this addon can raise.
enum class Code {
  bundleInvalid,
  csrInvalid,
  internal,
  keyTypeUnsupported,
  signerInvalid,
  svidIdentityMismatch,
  svidKeyMismatch,
  svidMalformed,
  svidNotValidNow,
  svidUntrusted,
};

const char* nameOf(Code code);

// Why something was refused. The message is for people: lower case, no key and no whole CSR in it.
struct Failure {
  Code code;
  std::string message;
};

struct Nothing {};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}
  Result(Failure failure) : content_(std::move(failure)) {}

  bool ok() const { return content_.index() == 0; }
  // Only where ok() is true.
  T& value() { return *std::get_if<0>(&content_); }
  // Only where ok() is false.
  Failure& failure() { return *std::get_if<1>(&content_); }

 private:
  std::variant<T, Failure> content_;
};

}  // namespace sidecert

#endif
