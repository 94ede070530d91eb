#ifndef SIDECERT_TESTS_SEAL_WAYS_BINDING_H
#define SIDECERT_TESTS_SEAL_WAYS_BINDING_H

#include <napi.h>

namespace sidecert {

// The two ways of sealBatch apart, for tests that hold one against the other.
void exportSealWays(Napi::Env env, Napi::Object exports);

}  // namespace sidecert

#endif
