// PEM (RFC 7468), both ways. Base64 goes by table, straight into the target: a key leaves no copy behind.
#ifndef SIDECERT_PEM_H
#define SIDECERT_PEM_H

#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "result.h"

namespace sidecert {

// How many bytes writePem writes for DER of this size.
size_t pemSize(std::string_view label, size_t derSize);

// Writes one block, ending in a newline, at `target`, which has room for pemSize; returns what is behind it.
uint8_t* writePem(uint8_t* target, std::string_view label, View der);

struct PemBlock {
  std::string label;
  Bytes der;
};

struct PemLimits {
  // What is being read, for the error message.
  const char* what;
  // The code of every refusal.
  Code code;
  size_t maxBytes;
  size_t maxBlocks;
};

// Reads the blocks of a text from a peer. Text between the blocks is allowed (RFC 7468 §2); headers inside a block are
// not, and base64 must be the one canonical spelling of its octets (RFC 4648 §3.5). At least one block.
Result<std::vector<PemBlock>> readPem(View text, const PemLimits& limits);

}  // namespace sidecert

#endif
