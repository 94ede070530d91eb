// What an addon does first in each environment of Node.
#ifndef SIDECERT_START_H
#define SIDECERT_START_H

#include <napi.h>

namespace sidecert {

// Makes the Instance of `env`, and exports the revision. False, with a JavaScript error pending, when the OpenSSL of
// this Node is of another major version than that of the headers.
bool start(Napi::Env env, Napi::Object exports);

}  // namespace sidecert

#endif
