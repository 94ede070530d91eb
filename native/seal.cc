#include "seal.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "openssl_error.h"
#include "pem.h"
#include "secret_writer.h"

namespace sidecert {

namespace {

// How much of a foreign name is told.
constexpr size_t kMaxTold = 300;

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

std::string whole(double number) { return std::to_string(static_cast<int64_t>(number)); }

// As people read it, and as the log writes times: 2026-11-24T04:12:43.000Z.
std::string isoTime(double epochMs) {
  constexpr int64_t kSecondMs = 1000;
  const auto milliseconds = static_cast<int64_t>(epochMs);
  const int64_t fraction = ((milliseconds % kSecondMs) + kSecondMs) % kSecondMs;
  const auto seconds = static_cast<time_t>((milliseconds - fraction) / kSecondMs);
  std::tm parts{};
  std::array<char, 64> text{};
  if (gmtime_r(&seconds, &parts) == nullptr || std::strftime(text.data(), text.size(), "%FT%T", &parts) == 0) {
    return whole(epochMs);
  }
  return std::string(text.data()) + "." + std::to_string(kSecondMs + fraction).substr(1) + "Z";
}

// When the chain is to be proved: now, or when a leaf begins that begins a little later. Nothing when the leaf is not
// valid then, or not for long enough. Of numbers that are none it is nothing, too.
std::optional<double> provedAtMs(const Validity& validity, const SealRequest& request) {
  const double atMs = std::max(request.nowMs, validity.notBeforeMs);
  if (atMs <= request.nowMs + request.maxAheadMs && atMs + request.minLifeMs <= validity.notAfterMs) return atMs;
  return std::nullopt;
}

Result<double> checkValidity(const Validity& validity, const SealRequest& request) {
  const std::optional<double> atMs = provedAtMs(validity, request);
  if (atMs) return *atMs;
  const auto& [notBeforeMs, notAfterMs] = validity;
  return refusal(Code::svidNotValidNow, "leaf validity", isoTime(notBeforeMs) + " to " + isoTime(notAfterMs),
                 "to hold from " + isoTime(request.nowMs) + " for " + whole(request.minLifeMs) + " ms");
}

// The last step of both ways.
Result<SecretBytes> bodyWithKey(View leaf, View intermediatesPem, const SealRequest& request) {
  if (request.keyForm == KeyForm::pkcs8) {
    return certificateBody(leaf, intermediatesPem, "PRIVATE KEY", request.privateKey);
  }
  Result<LabelledKey> key = traditionalKey(request.privateKey);
  if (!key.ok()) return key.failure();
  return certificateBody(leaf, intermediatesPem, key.value().label, viewOf(key.value().der));
}

std::string hexOf(View octets) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (size_t i = 0; i < octets.size; ++i) {
    hex += kDigits[octets.data[i] >> 4];
    hex += kDigits[octets.data[i] & 0xf];
  }
  return hex;
}

}  // namespace

Result<SealedSvid> sealAny(const SealRequest& request) {
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
  Result<Validity> validity = validityOf(leaf);
  if (!validity.ok()) return validity.failure();
  Result<double> atMs = checkValidity(validity.value(), request);
  if (!atMs.ok()) return atMs.failure();
  Result<std::vector<Certificate>> bundle = readBundle(request.bundlePem);
  if (!bundle.ok()) return bundle.failure();
  Result<Nothing> trusted = checkChain(chain.value(), bundle.value(), atMs.value());
  if (!trusted.ok()) return trusted.failure();
  Result<std::string> serial = serialOf(leaf);
  if (!serial.ok()) return serial.failure();
  const Bytes leafDer = std::move(chain.value().front().der);
  chain.value().erase(chain.value().begin());
  const Bytes intermediatesPem = pemOf(chain.value());
  Result<SecretBytes> body = bodyWithKey(viewOf(leafDer), viewOf(intermediatesPem), request);
  if (!body.ok()) return body.failure();
  return SealedSvid{std::move(body.value()), bundleBody(bundle.value()), std::move(serial.value()), validity.value()};
}

std::optional<SealedSvid> sealPlain(const SealRequest& request, const Curves& curves, IssuersCache& cache) {
  Result<std::vector<Bytes>> read = readChainDer(request.chainPem);
  if (!read.ok()) return std::nullopt;
  const std::vector<Bytes>& chain = read.value();
  const std::optional<PlainLeaf> leaf = readPlainLeaf(viewOf(chain.front()));
  if (!leaf || leaf->uri != request.spiffeId) return std::nullopt;
  const std::optional<double> atMs = provedAtMs(leaf->validity, request);
  if (!atMs) return std::nullopt;
  const std::optional<Bytes> publicKeyInfo = plainPublicKeyInfo(request.privateKey, curves);
  if (!publicKeyInfo || viewOf(*publicKeyInfo) != leaf->publicKeyInfo) return std::nullopt;
  std::vector<View> intermediates;
  for (size_t i = 1; i < chain.size(); ++i) intermediates.push_back(viewOf(chain[i]));
  const Issuers* issuers = cache.issuersOf(intermediates, request.bundlePem);
  if (issuers == nullptr || !issuers->haveIssued(*leaf, *atMs)) return std::nullopt;
  Result<SecretBytes> body = bodyWithKey(viewOf(chain.front()), issuers->intermediatesPem(), request);
  if (!body.ok()) return std::nullopt;
  const View bundle = issuers->bundleBody();
  return SealedSvid{std::move(body.value()), Bytes(bundle.data, bundle.data + bundle.size), hexOf(leaf->serial),
                    leaf->validity};
}

Result<SealedSvid> seal(const SealRequest& request, const Curves& curves, IssuersCache& cache) {
  std::optional<SealedSvid> sealed = sealPlain(request, curves, cache);
  return sealed ? Result<SealedSvid>(std::move(*sealed)) : sealAny(request);
}

}  // namespace sidecert
