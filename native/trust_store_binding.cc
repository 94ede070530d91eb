#include "binding.h"
#include "trust_store.h"

namespace sidecert {

namespace {

Napi::Value contextTrusting(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!bytesOf(info[0]) || !info[1].IsFunction()) {
    throwFailure(env, {Code::internal, "roots: got other types, expected PEM and what makes a context"});
    return env.Undefined();
  }
  const NewContext made;
  const Napi::Value context = info[1].As<Napi::Function>().Call({});
  if (env.IsExceptionPending()) return env.Undefined();
  // Its memory may have moved meanwhile.
  const std::optional<View> pem = bytesOf(info[0]);
  if (made.get() == nullptr || !pem) {
    throwFailure(env, {Code::internal, "roots: got no TLS context, expected one"});
    return env.Undefined();
  }
  if (auto done = trustRoots(made.get(), *pem); !done.ok()) {
    throwFailure(env, done.failure());
    return env.Undefined();
  }
  return context;
}

}  // namespace

void exportTrustStore(Napi::Env env, Napi::Object exports) {
  exports["contextTrusting"] = Napi::Function::New<contextTrusting>(env, "contextTrusting");
}

}  // namespace sidecert
