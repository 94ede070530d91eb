// The part of the hot path's binding that the addon of tests uses as well.
#ifndef SIDECERT_HOT_PATH_BINDING_H
#define SIDECERT_HOT_PATH_BINDING_H

#include <napi.h>

#include "seal.h"

namespace sidecert {

// Proves and serialises one chain: `seal` of seal.h, or another way to do it.
using SealWay = Result<SealedSvid> (*)(const SealRequest&, const Curves&, IssuersCache&);

// Seals each item of a batch by `way`, for JavaScript.
Napi::Value sealBatch(const Napi::CallbackInfo& info, SealWay way);

template <SealWay way>
Napi::Value sealBatchBy(const Napi::CallbackInfo& info) {
  return sealBatch(info, way);
}

}  // namespace sidecert

#endif
