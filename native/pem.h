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
  // Of those that are read.
  size_t maxBlocks;
  // Other blocks than certificates are passed over, and not decoded.
  bool certificatesAlone = false;
};

// Reads the blocks of a text from a peer. Boundaries stand at the beginning of a line; text, comments, a byte order mark,
// CRLF and blanks at the end of a line do not count, as for OpenSSL and BoringSSL (RFC 7468 §2). Headers inside a block are
// refused, and base64 must be the canonical spelling of its octets (RFC 4648 §3.5), in lines of any length. At least one
// block. src/pki/x509/pem-reader.ts reads alike.
Result<std::vector<PemBlock>> readPem(View text, const PemLimits& limits);

}  // namespace sidecert

#endif
