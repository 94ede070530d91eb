// Between JavaScript's values and ours. What JavaScript passes may be anything, so every type is checked here too.
#ifndef SIDECERT_BINDING_H
#define SIDECERT_BINDING_H

#include <napi.h>

#include <optional>
#include <string>

#include "bytes.h"
#include "instance.h"
#include "platform.h"
#include "result.h"

namespace sidecert {

void exportHotPath(Napi::Env env, Napi::Object exports);
void exportPkcs11(Napi::Env env, Napi::Object exports);
void exportPlatform(Napi::Env env, Napi::Object exports);
void exportSocketHub(Napi::Env env, Napi::Object exports);
void exportTrustStore(Napi::Env env, Napi::Object exports);

// The bytes of a Buffer or Uint8Array, lent for the length of this call.
std::optional<View> bytesOf(const Napi::Value& value);

std::optional<std::string> textOf(const Napi::Value& value);

// A number that is neither infinite nor NaN.
std::optional<double> numberOf(const Napi::Value& value);

// Nothing but `true` is.
bool isTrue(const Napi::Value& value);

// Throws a JavaScript error with `code`.
void throwFailure(Napi::Env env, const Failure& failure);

// Throws a JavaScript error whose `code` is the name of the errno.
void throwSystemError(Napi::Env env, const SystemError& failure);

}  // namespace sidecert

#endif
