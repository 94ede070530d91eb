#include "binding.h"

#include <cmath>

namespace sidecert {

std::optional<View> bytesOf(const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return std::nullopt;
  const Napi::Uint8Array octets = value.As<Napi::Uint8Array>();
  return View{octets.Data(), octets.ByteLength()};
}

std::optional<std::string> textOf(const Napi::Value& value) {
  if (!value.IsString()) return std::nullopt;
  return value.As<Napi::String>().Utf8Value();
}

std::optional<double> numberOf(const Napi::Value& value) {
  if (!value.IsNumber()) return std::nullopt;
  const double number = value.As<Napi::Number>().DoubleValue();
  return std::isfinite(number) ? std::optional<double>(number) : std::nullopt;
}

bool isTrue(const Napi::Value& value) { return value.IsBoolean() && value.As<Napi::Boolean>().Value(); }

void throwFailure(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", nameOf(failure.code));
  error.ThrowAsJavaScriptException();
}

void throwSystemError(Napi::Env env, const SystemError& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", failure.name);
  error.ThrowAsJavaScriptException();
}

}  // namespace sidecert
