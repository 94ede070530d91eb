// What this addon exports. src/system/addon/addon.ts has the same list with its types.
#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "binding.h"

namespace {

// This file is compiled against the headers of one Node and runs in another, whose OpenSSL may differ: between major
// versions it keeps no promise about its structures. OpenSSL_version_num is in all of them. (OpenSSL_version_num(3))
unsigned long foundMajor() { return OpenSSL_version_num() >> 28; }

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  if (foundMajor() != OPENSSL_VERSION_MAJOR) {
    Napi::Error::New(env, "OpenSSL: found major version " + std::to_string(foundMajor()) + ", required " +
                              std::to_string(OPENSSL_VERSION_MAJOR))
        .ThrowAsJavaScriptException();
    return exports;
  }
  env.SetInstanceData(new sidecert::Instance());
  // src/system/addon/load-addon.ts takes no other than that of its own sources.
  exports.Set("revision", SIDECERT_REVISION);
  sidecert::exportHotPath(env, exports);
  sidecert::exportPlatform(env, exports);
  sidecert::exportPrimitives(env, exports);
  sidecert::exportSocketHub(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sidecert, initialise)
