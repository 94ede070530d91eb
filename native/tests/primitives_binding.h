#ifndef SIDECERT_TESTS_PRIMITIVES_BINDING_H
#define SIDECERT_TESTS_PRIMITIVES_BINDING_H

#include <napi.h>

namespace sidecert {

// The loops of primitives.h for JavaScript.
void exportPrimitives(Napi::Env env, Napi::Object exports);

}  // namespace sidecert

#endif
