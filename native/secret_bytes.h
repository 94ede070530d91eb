// Private key bytes. They are wiped when they leave their scope.
#ifndef SIDECERT_SECRET_BYTES_H
#define SIDECERT_SECRET_BYTES_H

#include <memory>
#include <vector>

#include "bytes.h"

namespace sidecert {

using SecretBytes = std::vector<uint8_t, WipingAllocator<uint8_t>>;

}  // namespace sidecert

#endif
