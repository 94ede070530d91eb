// The hot path for JavaScript. Items and results travel as tuples, which cost a fraction of objects with names; the
// names are in src/system/addon/addon.ts. A failed item is [code, message], and the batch goes on.
#include "hot_path_binding.h"

#include <algorithm>
#include <cmath>

#include "binding.h"
#include "certificate.h"
#include "csr.h"
#include "openssl_error.h"

namespace sidecert {

namespace {

// So that one call cannot hold its thread for long. At 30 µs an item it is 30 ms.
constexpr uint32_t kMaxBatch = 1000;

constexpr uint32_t kKeyTypes = 2;

// Dates beyond the end of year 9999 have no spelling in a certificate. (RFC 5280 §4.1.2.5.2)
constexpr double kMaxEpochMs = 253'402'300'799'999;

constexpr size_t kMaxSerialOctets = 20;

// The bytes in memory of JavaScript's own. Null when there is none to be had, as in a thread that is being ended: by the
// plain call, because the methods of an empty Napi::ArrayBuffer end the process.
napi_value moved(Napi::Env env, View bytes) {
  void* memory = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_arraybuffer(env, bytes.size, &memory, &buffer) != napi_ok) return nullptr;
  if (bytes.size > 0) std::memcpy(memory, bytes.data, bytes.size);
  return buffer;
}

// Empty when one of the values is null.
Napi::Value tuple(Napi::Env env, std::initializer_list<napi_value> values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  uint32_t index = 0;
  for (const napi_value value : values) {
    if (value == nullptr || napi_set_element(env, array, index++, value) != napi_ok) return Napi::Value();
  }
  return array;
}

Napi::Value failed(Napi::Env env, const Failure& failure) {
  return tuple(env, {Napi::String::New(env, nameOf(failure.code)), Napi::String::New(env, failure.message)});
}

Failure wrongItem(const char* operation) {
  return refusal(Code::internal, operation, "an item of another type", "what its interface says");
}

// How many items a batch has; nothing, with a JavaScript error pending, when that is none or too many.
std::optional<uint32_t> batchSize(Napi::Env env, const Napi::Value& batch, const char* operation) {
  const uint32_t count = batch.IsArray() ? batch.As<Napi::Array>().Length() : 0;
  if (count >= 1 && count <= kMaxBatch) return count;
  throwFailure(env, refusal(Code::internal, operation, "a batch of another size", "1 to 1000 items"));
  return std::nullopt;
}

// Calls `operate` for each item of the array that is the last argument.
template <class Operate>
Napi::Value forEach(Napi::Env env, const Napi::Value& argument, const char* operation, Operate operate) {
  const std::optional<uint32_t> size = batchSize(env, argument, operation);
  if (!size) return env.Undefined();
  const Napi::Array items = argument.As<Napi::Array>();
  const uint32_t count = *size;
  Napi::Array results = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(env);
    const DrainedErrors drained;
    const Napi::Value item = items[i];
    if (item.IsEmpty()) return Napi::Value();
    const Napi::Value result = item.IsArray() ? operate(item.As<Napi::Array>()) : failed(env, wrongItem(operation));
    // A getter of the caller's has thrown, or memory has run out, or the thread is being ended.
    if (env.IsExceptionPending() || result.IsEmpty()) return Napi::Value();
    if (napi_set_element(env, results, i, result) != napi_ok) return Napi::Value();
  }
  return results;
}

std::optional<KeyType> keyTypeOf(const Napi::Value& value) {
  const std::optional<double> type = numberOf(value);
  if (!type || *type < 0 || *type >= kKeyTypes) return std::nullopt;
  return static_cast<KeyType>(static_cast<int>(*type));
}

struct PrepareItem {
  KeyType type;
  std::string uri;
};

// The items of a batch, read once; nothing in the place of one of another type. Nothing at all when a getter of the
// caller's has thrown.
std::optional<std::vector<std::optional<PrepareItem>>> readPrepareItems(const Napi::Array& batch, uint32_t count) {
  std::vector<std::optional<PrepareItem>> items(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(batch.Env());
    const Napi::Value item = batch[i];
    if (item.IsEmpty()) return std::nullopt;
    if (!item.IsArray()) continue;
    const std::optional<KeyType> type = keyTypeOf(item.As<Napi::Array>()[0U]);
    std::optional<std::string> uri = textOf(item.As<Napi::Array>()[1U]);
    if (batch.Env().IsExceptionPending()) return std::nullopt;
    if (type && uri) items[i] = PrepareItem{*type, std::move(*uri)};
  }
  return items;
}

// What a batch of keys has come to: an answer for each item, and the memory that all CSRs share. Memory is what costs
// most of handing something to JavaScript, and a CSR is no secret; each key gets its own.
Napi::Value preparedBatch(Napi::Env env, std::vector<Result<PreparedKey>>& made) {
  size_t size = 0;
  for (Result<PreparedKey>& one : made) size += one.ok() ? one.value().csrPem.size() : 0;
  void* memory = nullptr;
  napi_value csrs = nullptr;
  if (napi_create_arraybuffer(env, size, &memory, &csrs) != napi_ok) return Napi::Value();
  Napi::Array answers = Napi::Array::New(env, made.size());
  size_t start = 0;
  for (uint32_t i = 0; i < made.size(); ++i) {
    const Napi::HandleScope scope(env);
    Napi::Value answer;
    if (made[i].ok()) {
      const PreparedKey& key = made[i].value();
      const size_t end = start + key.csrPem.size();
      std::memcpy(static_cast<uint8_t*>(memory) + start, key.csrPem.data(), key.csrPem.size());
      answer = tuple(env, {moved(env, viewOf(key.privateKey)), Napi::Number::New(env, static_cast<double>(start)),
                           Napi::Number::New(env, static_cast<double>(end))});
      start = end;
    } else {
      answer = failed(env, made[i].failure());
    }
    if (answer.IsEmpty() || napi_set_element(env, answers, i, answer) != napi_ok) return Napi::Value();
  }
  return tuple(env, {csrs, answers});
}

Napi::Value sealOne(Napi::Env env, const Napi::Array& item, SealWay way, const Curves& curves, IssuersCache& cache) {
  const std::optional<View> privateKey = bytesOf(item[0U]);
  const std::optional<View> chainPem = bytesOf(item[1U]);
  const std::optional<View> bundlePem = bytesOf(item[2U]);
  const std::optional<std::string> spiffeId = textOf(item[3U]);
  const std::optional<double> nowMs = numberOf(item[4U]);
  const std::optional<double> minLifeMs = numberOf(item[5U]);
  if (!privateKey || !chainPem || !bundlePem || !spiffeId || !nowMs || !minLifeMs) {
    return failed(env, wrongItem("seal"));
  }
  const double maxAheadMs = numberOf(item[6U]).value_or(0);
  const SealRequest request = {*privateKey, *chainPem,   *bundlePem, viewOf(*spiffeId),
                               *nowMs,      *minLifeMs, maxAheadMs};
  Result<SealedSvid> sealed = way(request, curves, cache);
  if (!sealed.ok()) return failed(env, sealed.failure());
  const SealedSvid& svid = sealed.value();
  return tuple(env, {moved(env, viewOf(svid.certificateBody)), moved(env, viewOf(svid.bundleBody)),
                     Napi::String::New(env, svid.serial), Napi::Number::New(env, svid.validity.notBeforeMs),
                     Napi::Number::New(env, svid.validity.notAfterMs)});
}

std::optional<int64_t> secondsOf(const Napi::Value& value) {
  const std::optional<double> ms = numberOf(value);
  if (!ms || *ms < 0 || *ms > kMaxEpochMs) return std::nullopt;
  return static_cast<int64_t>(std::floor(*ms / 1000));
}

Napi::Value issueOne(Napi::Env env, const Napi::Array& item, const LoadedSigner& signer, const Curves& curves) {
  const std::optional<View> csrPem = bytesOf(item[0U]);
  const std::optional<View> generalNames = bytesOf(item[1U]);
  const std::optional<View> serial = bytesOf(item[2U]);
  const std::optional<int64_t> notBefore = secondsOf(item[3U]);
  const std::optional<int64_t> notAfter = secondsOf(item[4U]);
  if (!csrPem || !generalNames || !serial || serial->size == 0 || serial->size > kMaxSerialOctets || !notBefore ||
      !notAfter) {
    return failed(env, wrongItem("issue"));
  }
  Result<IssuedLeaf> issued = issue({*csrPem, *generalNames, *serial, *notBefore, *notAfter}, signer, curves);
  if (!issued.ok()) return failed(env, issued.failure());
  const IssuedLeaf& leaf = issued.value();
  const Napi::Value uri =
      leaf.requestedUri ? Napi::Value(Napi::String::New(env, *leaf.requestedUri)) : env.Undefined();
  return tuple(env, {moved(env, viewOf(leaf.pem)), uri});
}

// The curves of this thread; null, with a JavaScript error pending, when memory has run out.
const Curves* curvesOf(Napi::Env env) {
  const DrainedErrors drained;
  const Curves* curves = env.GetInstanceData<Instance>()->curves();
  if (curves == nullptr) throwFailure(env, opensslFailure("loading the curves"));
  return curves;
}

Napi::Value prepareBatch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Curves* curves = curvesOf(env);
  const std::optional<uint32_t> count = curves == nullptr ? std::nullopt : batchSize(env, info[0], "prepare");
  if (!count) return env.Undefined();
  const auto items = readPrepareItems(info[0].As<Napi::Array>(), *count);
  if (!items) return Napi::Value();
  const DrainedErrors drained;
  const auto countOf = [&](KeyType type) {
    return static_cast<size_t>(std::count_if(items->begin(), items->end(),
                                             [&](const auto& item) { return item && item->type == type; }));
  };
  Result<Preparation> preparation = Preparation::begin(countOf(KeyType::ecP256), countOf(KeyType::ecP384), *curves);
  if (!preparation.ok()) {
    throwFailure(env, preparation.failure());
    return env.Undefined();
  }
  std::vector<Result<PreparedKey>> made;
  made.reserve(*count);
  for (const std::optional<PrepareItem>& item : *items) {
    const DrainedErrors drainedOfItem;
    if (item) made.push_back(preparation.value().prepare(item->type, viewOf(item->uri)));
    else made.push_back(wrongItem("prepare"));
  }
  return preparedBatch(env, made);
}

Napi::Value issueBatch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Curves* curves = curvesOf(env);
  if (curves == nullptr) return env.Undefined();
  const std::optional<std::string> id = textOf(info[0]);
  const LoadedSigner* signer = id ? env.GetInstanceData<Instance>()->signer(*id) : nullptr;
  if (signer == nullptr) {
    throwFailure(env, refusal(Code::internal, "issue signer", "one that is not loaded", "loadSigner before"));
    return env.Undefined();
  }
  return forEach(env, info[1], "issue",
                 [&](const Napi::Array& item) { return issueOne(env, item, *signer, *curves); });
}

Napi::Value hasSigner(const Napi::CallbackInfo& info) {
  const std::optional<std::string> id = textOf(info[0]);
  const bool isLoaded = id && info.Env().GetInstanceData<Instance>()->signer(*id) != nullptr;
  return Napi::Boolean::New(info.Env(), isLoaded);
}

void loadSigner(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const DrainedErrors drained;
  const std::optional<std::string> id = textOf(info[0]);
  const std::optional<View> certificateDer = bytesOf(info[1]);
  const std::optional<View> privateKeyDer = bytesOf(info[2]);
  if (!id || !certificateDer || !privateKeyDer) return throwFailure(env, wrongItem("loadSigner"));
  Result<std::unique_ptr<LoadedSigner>> signer = LoadedSigner::load(*certificateDer, *privateKeyDer);
  if (!signer.ok()) return throwFailure(env, signer.failure());
  env.GetInstanceData<Instance>()->keepSigner(*id, std::move(signer.value()));
}

}  // namespace

Napi::Value sealBatch(const Napi::CallbackInfo& info, SealWay way) {
  const Napi::Env env = info.Env();
  const Curves* curves = curvesOf(env);
  if (curves == nullptr) return env.Undefined();
  IssuersCache& cache = env.GetInstanceData<Instance>()->issuers();
  return forEach(env, info[0], "seal",
                 [&](const Napi::Array& item) { return sealOne(env, item, way, *curves, cache); });
}

void exportHotPath(Napi::Env env, Napi::Object exports) {
  exports["prepareBatch"] = Napi::Function::New<prepareBatch>(env, "prepareBatch");
  exports["sealBatch"] = Napi::Function::New<sealBatchBy<seal>>(env, "sealBatch");
  exports["issueBatch"] = Napi::Function::New<issueBatch>(env, "issueBatch");
  exports["hasSigner"] = Napi::Function::New<hasSigner>(env, "hasSigner");
  exports["loadSigner"] = Napi::Function::New<loadSigner>(env, "loadSigner");
}

}  // namespace sidecert
