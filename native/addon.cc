// What this addon exports. src/system/addon/addon.ts has the same list with its types.
#include "binding.h"
#include "start.h"

namespace {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  if (!sidecert::start(env, exports)) return exports;
  sidecert::exportHotPath(env, exports);
  sidecert::exportPkcs11(env, exports);
  sidecert::exportPlatform(env, exports);
  sidecert::exportSocketHub(env, exports);
  sidecert::exportTrustStore(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sidecert, initialise)
