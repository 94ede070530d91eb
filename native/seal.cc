#include "seal.h"

#include <cstdio>

#include "openssl_error.h"
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

// How much of a foreign name is told.
constexpr size_t kMaxTold = 300;

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

size_t pemSizeOf(const std::vector<Certificate>& certificates) {
  size_t size = 0;
  for (const Certificate& certificate : certificates) size += pemSize("CERTIFICATE", certificate.der.size());
  return size;
}

// One block per certificate, made anew from DER: nothing of the CA's own text reaches Envoy.
uint8_t* writePemOf(uint8_t* target, const std::vector<Certificate>& certificates) {
  for (const Certificate& one : certificates) target = writePem(target, "CERTIFICATE", viewOf(one.der));
  return target;
}

SecretBytes certificateBody(const std::vector<Certificate>& chain, View privateKey) {
  const size_t chainSize = pemSizeOf(chain);
  const size_t keySize = pemSize("PRIVATE KEY", privateKey.size);
  const size_t size = dataSourceSize(chainSize) + dataSourceSize(keySize);
  SecretBytes body(fieldSize(size));
  uint8_t* at = writeHeader(body.data(), kSecretTlsCertificate, size);
  at = writePemOf(writeDataSourceHeader(at, kTlsCertificateChain, chainSize), chain);
  writePem(writeDataSourceHeader(at, kTlsPrivateKey, keySize), "PRIVATE KEY", privateKey);
  return body;
}

Bytes bundleBody(const std::vector<Certificate>& bundle) {
  const size_t bundleSize = pemSizeOf(bundle);
  const size_t size = dataSourceSize(bundleSize);
  Bytes body(fieldSize(size));
  uint8_t* at = writeHeader(body.data(), kSecretValidationContext, size);
  writePemOf(writeDataSourceHeader(at, kValidationTrustedCa, bundleSize), bundle);
  return body;
}

Result<std::string> serialOf(X509* leaf) {
  const BignumPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), nullptr));
  char* hex = number ? BN_bn2hex(number.get()) : nullptr;
  const OpensslMemoryPtr owner(reinterpret_cast<unsigned char*>(hex));
  if (hex == nullptr) return opensslFailure("reading a serial number");
  std::string serial(hex);
  for (char& digit : serial) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  return serial;
}

// No failure says more of the key: an error text about a private key is nobody's business.
Result<Nothing> checkKey(X509* leaf, View privateKey) {
  const unsigned char* at = privateKey.data;
  const PrivateKeyInfoPtr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(privateKey.size)));
  const EvpPkeyPtr key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
  if (!key) return Failure{Code::svidKeyMismatch, "private key does not parse, expected PKCS#8 DER"};
  if (X509_check_private_key(leaf, key.get()) == 1) return Nothing{};
  return refusal(Code::svidKeyMismatch, "leaf", "another public key", "that of our private key");
}

// What may stand in a log line of a name from outside.
std::string printable(View text) {
  std::string told;
  for (size_t i = 0; i < text.size && i < kMaxTold; ++i) {
    const uint8_t octet = text.data[i];
    told += octet >= 0x20 && octet < 0x7f && octet != '"' ? static_cast<char>(octet) : '?';
  }
  return told;
}

// The leaf must have exactly one subject alternative name, a URI. Of two SAN extensions the first one counts here; that
// there is a second one makes the chain check refuse the leaf.
Result<Nothing> checkIdentity(X509* leaf, View spiffeId) {
  const auto mismatch = [&](const std::string& got) {
    const std::string expected(spiffeId.data, spiffeId.data + spiffeId.size);
    return refusal(Code::svidIdentityMismatch, "leaf subject alternative names", got, "only URI:" + expected);
  };
  X509_EXTENSION* extension = X509_get_ext(leaf, X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1));
  const GeneralNamesPtr names(
      extension == nullptr ? nullptr : static_cast<GENERAL_NAMES*>(X509V3_EXT_d2i(extension)));
  if (!names) return mismatch("none");
  const int count = sk_GENERAL_NAME_num(names.get());
  const GENERAL_NAME* only = count == 1 ? sk_GENERAL_NAME_value(names.get(), 0) : nullptr;
  if (only == nullptr) return mismatch(std::to_string(count) + " names");
  if (only->type != GEN_URI) return mismatch("a name of another kind");
  const ASN1_IA5STRING* uri = only->d.uniformResourceIdentifier;
  const View text{ASN1_STRING_get0_data(uri), static_cast<size_t>(ASN1_STRING_length(uri))};
  return text == spiffeId ? Result<Nothing>(Nothing{}) : mismatch("\"URI:" + printable(text) + "\"");
}

Result<Validity> checkValidNow(X509* leaf, const SealRequest& request) {
  Result<Validity> validity = validityOf(leaf);
  if (!validity.ok()) return validity;
  const auto& [notBeforeMs, notAfterMs] = validity.value();
  if (notBeforeMs <= request.nowMs && request.nowMs + request.minLifeMs <= notAfterMs) return validity;
  const auto text = [](double ms) { return std::to_string(static_cast<int64_t>(ms)); };
  return refusal(Code::svidNotValidNow, "leaf validity", text(notBeforeMs) + " to " + text(notAfterMs) + " ms",
                 "to hold from " + text(request.nowMs) + " for " + text(request.minLifeMs) + " ms");
}

}  // namespace

Result<SealedSvid> seal(const SealRequest& request) {
  Result<std::vector<Certificate>> chain = readChain(request.chainPem);
  if (!chain.ok()) return chain.failure();
  X509* leaf = chain.value().front().x509.get();
  Result<Nothing> key = checkKey(leaf, request.privateKey);
  if (!key.ok()) return key.failure();
  Result<Nothing> identity = checkIdentity(leaf, request.spiffeId);
  if (!identity.ok()) return identity.failure();
  if (isCa(leaf)) {
    return refusal(Code::svidMalformed, "leaf", "a CA certificate", "basicConstraints CA:FALSE");
  }
  Result<Validity> validity = checkValidNow(leaf, request);
  if (!validity.ok()) return validity.failure();
  Result<std::vector<Certificate>> bundle = readBundle(request.bundlePem);
  if (!bundle.ok()) return bundle.failure();
  Result<Nothing> trusted = checkChain(chain.value(), bundle.value(), request.nowMs);
  if (!trusted.ok()) return trusted.failure();
  Result<std::string> serial = serialOf(leaf);
  if (!serial.ok()) return serial.failure();
  return SealedSvid{certificateBody(chain.value(), request.privateKey), bundleBody(bundle.value()),
                    std::move(serial.value()), validity.value()};
}

}  // namespace sidecert
