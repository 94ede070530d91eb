#include "start.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include <string>

#include "instance.h"

namespace sidecert {

namespace {

// This file is compiled against the headers of one Node and runs in another, whose OpenSSL may differ: between major
// versions it keeps no promise about its structures. OpenSSL_version_num is in all of them. (OpenSSL_version_num(3))
unsigned long foundMajor() { return OpenSSL_version_num() >> 28; }

}  // namespace

bool start(Napi::Env env, Napi::Object exports) {
  if (foundMajor() != OPENSSL_VERSION_MAJOR) {
    Napi::Error::New(env, "OpenSSL: found major version " + std::to_string(foundMajor()) + ", required " +
                              std::to_string(OPENSSL_VERSION_MAJOR))
        .ThrowAsJavaScriptException();
    return false;
  }
  env.SetInstanceData(new Instance());
  // src/system/addon/load-addon.ts takes no other than that of its own sources.
  exports.Set("revision", SIDECERT_REVISION);
  return true;
}

}  // namespace sidecert
