#include <memory>
#include <utility>

#include "binding.h"
#include "pkcs11_module.h"

namespace sidecert {

namespace {

using cryptoki::Ulong;

// Handles may be any number; those beyond 2^53, which no module is known to have, would not come back as they went.
std::optional<Ulong> handleOf(const Napi::Value& value) {
  const std::optional<double> number = numberOf(value);
  constexpr double most = 9007199254740991.0;
  if (!number || *number < 0 || *number > most) return std::nullopt;
  return static_cast<Ulong>(*number);
}

std::optional<Bytes> ownedBytesOf(const Napi::Value& value) {
  const std::optional<View> view = bytesOf(value);
  if (!view) return std::nullopt;
  return Bytes(view->data, view->data + view->size);
}

Napi::Error errorOf(Napi::Env env, const Pkcs11Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.call);
  error.Set("code", "CKR");
  error.Set("returnValue", Napi::Number::New(env, static_cast<double>(failure.value)));
  return error;
}

void throwPkcs11(Napi::Env env, const Pkcs11Failure& failure) { errorOf(env, failure).ThrowAsJavaScriptException(); }

void throwArgument(Napi::Env env) {
  throwFailure(env, {Code::internal, "PKCS#11 module: got an argument of another type"});
}

// Without the blanks that fill it up.
template <size_t N>
Napi::String textOfField(Napi::Env env, const cryptoki::Byte (&field)[N]) {
  size_t size = N;
  while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == 0)) --size;
  return Napi::String::New(env, reinterpret_cast<const char*>(field), size);
}

Napi::ArrayBuffer memoryOf(Napi::Env env, const Bytes& bytes) {
  Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(memory.Data(), bytes.data(), bytes.size());
  return memory;
}

// In a thread of libuv's pool, which in the process of a token serves nothing else. Deletes itself when it is done.
class Signing : public Napi::AsyncWorker {
 public:
  Signing(Napi::Env env, std::shared_ptr<Pkcs11Module> module, Ulong session, Ulong key, Ulong mechanism, Bytes input)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        module_(std::move(module)),
        session_(session),
        key_(key),
        mechanism_(mechanism),
        input_(std::move(input)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { outcome_ = module_->sign(session_, key_, mechanism_, input_); }

  void OnOK() override {
    const Napi::HandleScope scope(Env());
    if (const auto* failure = std::get_if<Pkcs11Failure>(&outcome_)) {
      deferred_.Reject(errorOf(Env(), *failure).Value());
    } else {
      deferred_.Resolve(memoryOf(Env(), *std::get_if<Bytes>(&outcome_)));
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Pkcs11Module> module_;
  Ulong session_;
  Ulong key_;
  Ulong mechanism_;
  Bytes input_;
  Pkcs11Result<Bytes> outcome_;
};

class Pkcs11ModuleObject : public Napi::ObjectWrap<Pkcs11ModuleObject> {
 public:
  static void exportTo(Napi::Env env, Napi::Object exports) {
    using Self = Pkcs11ModuleObject;
    exports["Pkcs11Module"] = DefineClass(env, "Pkcs11Module",
                                          {
                                              InstanceMethod<&Self::tokens>("tokens"),
                                              InstanceMethod<&Self::openSession>("openSession"),
                                              InstanceMethod<&Self::login>("login"),
                                              InstanceMethod<&Self::privateKeys>("privateKeys"),
                                              InstanceMethod<&Self::attribute>("attribute"),
                                              InstanceMethod<&Self::sign>("sign"),
                                              InstanceMethod<&Self::finalize>("finalize"),
                                          });
  }

  explicit Pkcs11ModuleObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Pkcs11ModuleObject>(info) {
    load(info.Env(), textOf(info[0]));
  }

 private:
  // Throws when it does not load.
  void load(Napi::Env env, const std::optional<std::string>& path) {
    if (!path || path->empty()) {
      throwArgument(env);
      return;
    }
    auto loaded = Pkcs11Module::load(*path);
    if (const auto* reason = std::get_if<std::string>(&loaded)) {
      Napi::Error error = Napi::Error::New(env, *reason);
      error.Set("code", "DLOPEN");
      error.ThrowAsJavaScriptException();
    } else if (const auto* failure = std::get_if<Pkcs11Failure>(&loaded)) {
      throwPkcs11(env, *failure);
    } else {
      module_ = std::move(*std::get_if<std::shared_ptr<Pkcs11Module>>(&loaded));
    }
  }

  Napi::Value tokens(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!isLoaded(env)) return env.Undefined();
    auto found = module_->tokens();
    if (const auto* failure = std::get_if<Pkcs11Failure>(&found)) return refused(env, *failure);
    const auto& tokens = *std::get_if<std::vector<Pkcs11Token>>(&found);
    Napi::Array list = Napi::Array::New(env, tokens.size());
    for (uint32_t index = 0; index < tokens.size(); ++index) {
      const auto& [slot, facts] = tokens[index];
      Napi::Object token = Napi::Object::New(env);
      token["slot"] = Napi::Number::New(env, static_cast<double>(slot));
      token["label"] = textOfField(env, facts.label);
      token["manufacturer"] = textOfField(env, facts.manufacturer);
      token["model"] = textOfField(env, facts.model);
      token["serial"] = textOfField(env, facts.serial);
      token["flags"] = Napi::Number::New(env, static_cast<double>(facts.flags));
      list[index] = token;
    }
    return list;
  }

  Napi::Value openSession(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::optional<Ulong> slot = handleOf(info[0]);
    if (!isLoaded(env) || !isGiven(env, slot.has_value())) return env.Undefined();
    auto session = module_->openSession(*slot);
    if (const auto* failure = std::get_if<Pkcs11Failure>(&session)) return refused(env, *failure);
    return Napi::Number::New(env, static_cast<double>(*std::get_if<Ulong>(&session)));
  }

  void login(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::optional<Ulong> session = handleOf(info[0]);
    const std::optional<View> pin = bytesOf(info[1]);
    if (!isLoaded(env) || !isGiven(env, session && pin)) return;
    if (const auto failure = module_->login(*session, *pin)) throwPkcs11(env, *failure);
  }

  Napi::Value privateKeys(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::optional<Ulong> session = handleOf(info[0]);
    if (!isLoaded(env) || !isGiven(env, session.has_value())) return env.Undefined();
    auto found = module_->privateKeys(*session, ownedBytesOf(info[1]), ownedBytesOf(info[2]));
    if (const auto* failure = std::get_if<Pkcs11Failure>(&found)) return refused(env, *failure);
    const auto& keys = *std::get_if<std::vector<Ulong>>(&found);
    Napi::Array list = Napi::Array::New(env, keys.size());
    for (uint32_t index = 0; index < keys.size(); ++index) {
      list[index] = Napi::Number::New(env, static_cast<double>(keys[index]));
    }
    return list;
  }

  Napi::Value attribute(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::optional<Ulong> session = handleOf(info[0]);
    const std::optional<Ulong> object = handleOf(info[1]);
    const std::optional<Ulong> type = handleOf(info[2]);
    if (!isLoaded(env) || !isGiven(env, session && object && type)) return env.Undefined();
    auto value = module_->attribute(*session, *object, *type);
    if (const auto* failure = std::get_if<Pkcs11Failure>(&value)) return refused(env, *failure);
    const auto& bytes = *std::get_if<std::optional<Bytes>>(&value);
    return bytes ? Napi::Value(memoryOf(env, *bytes)) : env.Undefined();
  }

  Napi::Value sign(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::optional<Ulong> session = handleOf(info[0]);
    const std::optional<Ulong> key = handleOf(info[1]);
    const std::optional<Ulong> mechanism = handleOf(info[2]);
    std::optional<Bytes> input = ownedBytesOf(info[3]);
    if (!isLoaded(env) || !isGiven(env, session && key && mechanism && input)) return env.Undefined();
    auto* signing = new Signing(env, module_, *session, *key, *mechanism, std::move(*input));
    const Napi::Promise promise = signing->promise();
    signing->Queue();
    return promise;
  }

  void finalize(const Napi::CallbackInfo& info) {
    if (!isLoaded(info.Env())) return;
    if (const auto failure = module_->finalize()) throwPkcs11(info.Env(), *failure);
  }

  bool isLoaded(Napi::Env env) {
    if (!module_) throwArgument(env);
    return module_ != nullptr;
  }

  static bool isGiven(Napi::Env env, bool areArgumentsGood) {
    if (!areArgumentsGood) throwArgument(env);
    return areArgumentsGood;
  }

  static Napi::Value refused(Napi::Env env, const Pkcs11Failure& failure) {
    throwPkcs11(env, failure);
    return env.Undefined();
  }

  std::shared_ptr<Pkcs11Module> module_;
};

}  // namespace

void exportPkcs11(Napi::Env env, Napi::Object exports) { Pkcs11ModuleObject::exportTo(env, exports); }

}  // namespace sidecert
