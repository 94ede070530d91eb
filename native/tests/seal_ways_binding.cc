#include "seal_ways_binding.h"

#include "hot_path_binding.h"
#include "openssl_error.h"

namespace sidecert {

namespace {

Result<SealedSvid> sealByGeneralWay(const SealRequest& request, const Curves&, IssuersCache&) {
  return sealAny(request);
}

Result<SealedSvid> sealByPlainWay(const SealRequest& request, const Curves& curves, IssuersCache& cache) {
  std::optional<SealedSvid> sealed = sealPlain(request, curves, cache);
  if (!sealed) return refusal(Code::internal, "seal", "a chain that is not plain", "a plain one");
  return std::move(*sealed);
}

}  // namespace

void exportSealWays(Napi::Env env, Napi::Object exports) {
  exports["sealBatchAny"] = Napi::Function::New<sealBatchBy<sealByGeneralWay>>(env, "sealBatchAny");
  exports["sealBatchPlain"] = Napi::Function::New<sealBatchBy<sealByPlainWay>>(env, "sealBatchPlain");
}

}  // namespace sidecert
