// The addon of tests and benches: what they measure the hot path against and hold it against, and the hot path itself,
// so that all of it works with one Instance. It never ships. test/support/test-addon.ts has the same list with its types.
#include "binding.h"
#include "primitives_binding.h"
#include "seal_ways_binding.h"
#include "start.h"

namespace {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  if (!sidecert::start(env, exports)) return exports;
  sidecert::exportHotPath(env, exports);
  sidecert::exportSealWays(env, exports);
  sidecert::exportPrimitives(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sidecert_tests, initialise)
