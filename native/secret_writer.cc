#include "secret_writer.h"

#include <algorithm>

#include "pem.h"

namespace sidecert {

namespace {

// Field keys: number << 3 | 2 (length-delimited). (Protocol Buffers, "Encoding")
constexpr uint8_t kSecretTlsCertificate = 2 << 3 | 2;
constexpr uint8_t kSecretValidationContext = 4 << 3 | 2;
constexpr uint8_t kTlsCertificateChain = 1 << 3 | 2;
constexpr uint8_t kTlsPrivateKey = 2 << 3 | 2;
constexpr uint8_t kValidationTrustedCa = 1 << 3 | 2;
constexpr uint8_t kDataSourceInlineBytes = 2 << 3 | 2;

size_t varintSize(size_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// Size of key, length and content: our field numbers are below 16, so a key is one octet.
size_t fieldSize(size_t contentSize) { return 1 + varintSize(contentSize) + contentSize; }

// Size of a field that holds `DataSource{inline_bytes}`.
size_t dataSourceSize(size_t inlineSize) { return fieldSize(fieldSize(inlineSize)); }

uint8_t* writeHeader(uint8_t* target, uint8_t key, size_t size) {
  *target++ = key;
  for (; size >= 0x80; size >>= 7) *target++ = static_cast<uint8_t>(size | 0x80);
  *target++ = static_cast<uint8_t>(size);
  return target;
}

uint8_t* writeDataSourceHeader(uint8_t* target, uint8_t key, size_t inlineSize) {
  return writeHeader(writeHeader(target, key, fieldSize(inlineSize)), kDataSourceInlineBytes, inlineSize);
}

}  // namespace

// One block per certificate, encoded again from DER: nothing of the CA's own text reaches Envoy.
Bytes pemOf(const std::vector<View>& certificates) {
  size_t size = 0;
  for (const View one : certificates) size += pemSize("CERTIFICATE", one.size);
  Bytes pem(size);
  uint8_t* at = pem.data();
  for (const View one : certificates) at = writePem(at, "CERTIFICATE", one);
  return pem;
}

SecretBytes certificateBody(View leaf, View intermediatesPem, std::string_view keyLabel, View privateKey) {
  const size_t chainSize = pemSize("CERTIFICATE", leaf.size) + intermediatesPem.size;
  const size_t keySize = pemSize(keyLabel, privateKey.size);
  const size_t size = dataSourceSize(chainSize) + dataSourceSize(keySize);
  SecretBytes body(fieldSize(size));
  uint8_t* at = writeHeader(body.data(), kSecretTlsCertificate, size);
  at = writePem(writeDataSourceHeader(at, kTlsCertificateChain, chainSize), "CERTIFICATE", leaf);
  at = std::copy_n(intermediatesPem.data, intermediatesPem.size, at);
  writePem(writeDataSourceHeader(at, kTlsPrivateKey, keySize), keyLabel, privateKey);
  return body;
}

Bytes bundleBody(const std::vector<View>& bundle) {
  const Bytes pem = pemOf(bundle);
  const size_t size = dataSourceSize(pem.size());
  Bytes body(fieldSize(size));
  uint8_t* at = writeHeader(body.data(), kSecretValidationContext, size);
  std::copy(pem.begin(), pem.end(), writeDataSourceHeader(at, kValidationTrustedCa, pem.size()));
  return body;
}

}  // namespace sidecert
