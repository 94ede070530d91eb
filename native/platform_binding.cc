#include <algorithm>

#include "binding.h"
#include "platform.h"

namespace sidecert {

namespace {

Napi::Value credentialsOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::optional<double> descriptor = numberOf(info[0]);
  if (!descriptor || *descriptor < 0 || *descriptor > INT32_MAX) {
    throwSystemError(env, {"EBADF", "peer credentials: got no file descriptor, expected that of a Unix socket"});
    return env.Undefined();
  }
  const auto found = peerCredentials(static_cast<int>(*descriptor));
  if (const auto* failure = std::get_if<SystemError>(&found)) {
    throwSystemError(env, *failure);
    return env.Undefined();
  }
  const auto& credentials = *std::get_if<PeerCredentials>(&found);
  Napi::Object result = Napi::Object::New(env);
  result["pid"] = Napi::Number::New(env, static_cast<double>(credentials.pid));
  result["uid"] = Napi::Number::New(env, static_cast<double>(credentials.uid));
  result["gid"] = Napi::Number::New(env, static_cast<double>(credentials.gid));
  return result;
}

void dumpingForbidden(const Napi::CallbackInfo& info) {
  if (const std::optional<SystemError> failure = forbidDumping()) throwSystemError(info.Env(), *failure);
}

void endedWithParent(const Napi::CallbackInfo& info) {
  const std::optional<double> parent = numberOf(info[0]);
  if (parent) endWithParent(static_cast<int64_t>(*parent));
}

void descriptorsReserved(const Napi::CallbackInfo& info) {
  const std::optional<double> count = numberOf(info[0]);
  constexpr double most = 1 << 20;
  if (count && *count > 0) reserveDescriptors(static_cast<int>(std::min(*count, most)));
}

}  // namespace

void exportPlatform(Napi::Env env, Napi::Object exports) {
  exports["peerCredentials"] = Napi::Function::New<credentialsOf>(env, "peerCredentials");
  exports["forbidDumping"] = Napi::Function::New<dumpingForbidden>(env, "forbidDumping");
  exports["endWithParent"] = Napi::Function::New<endedWithParent>(env, "endWithParent");
  exports["reserveDescriptors"] = Napi::Function::New<descriptorsReserved>(env, "reserveDescriptors");
}

}  // namespace sidecert
