#include "primitives_binding.h"

#include "binding.h"
#include "openssl_error.h"
#include "primitives.h"

namespace sidecert {

namespace {

using Loop = Result<double> (*)(uint32_t, const EcCurve&);

template <Loop loop>
Napi::Value timed(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const DrainedErrors drained;
  const std::optional<double> count = numberOf(info[0]);
  const std::optional<double> keyType = numberOf(info[1]);
  const Curves* curves = env.GetInstanceData<Instance>()->curves();
  const bool isP384 = keyType == static_cast<double>(KeyType::ecP384);
  const bool isCurve = isP384 || keyType == static_cast<double>(KeyType::ecP256);
  if (!count || *count < 1 || *count > UINT32_MAX || !isCurve || curves == nullptr) {
    throwFailure(env, refusal(Code::internal, "primitives", "something else", "how often to do it, and an EC key type"));
    return env.Undefined();
  }
  Result<double> seconds = loop(static_cast<uint32_t>(*count), isP384 ? curves->p384() : curves->p256());
  if (seconds.ok()) return Napi::Number::New(env, seconds.value());
  throwFailure(env, seconds.failure());
  return env.Undefined();
}

}  // namespace

void exportPrimitives(Napi::Env env, Napi::Object exports) {
  exports["timeKeyAndSignature"] = Napi::Function::New<timed<timeKeyAndSignature>>(env, "timeKeyAndSignature");
  exports["timeVerification"] = Napi::Function::New<timed<timeVerification>>(env, "timeVerification");
  exports["timeVerificationAndSignature"] =
      Napi::Function::New<timed<timeVerificationAndSignature>>(env, "timeVerificationAndSignature");
}

}  // namespace sidecert
