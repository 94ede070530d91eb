// What a fuzzer's bytes stand for. Half of all inputs are PEM as it stands, half are DER that gets a PEM around it: else
// nothing would come past base64.
#ifndef SIDECERT_FUZZ_INPUT_H
#define SIDECERT_FUZZ_INPUT_H

#include <string_view>

#include "../bytes.h"
#include "../pem.h"

namespace sidecert {

// The text that `data` stands for. Its first octet chooses, and is no part of it.
inline Bytes pemOfInput(const uint8_t* data, size_t size, std::string_view label) {
  if (size == 0) return {};
  const View rest{data + 1, size - 1};
  if ((data[0] & 1) == 0) return Bytes(rest.data, rest.data + rest.size);
  Bytes pem(pemSize(label, rest.size));
  writePem(pem.data(), label, rest);
  return pem;
}

}  // namespace sidecert

#endif
