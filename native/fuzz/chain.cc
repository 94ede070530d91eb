// Does any certificate chain, or any trust bundle, harm us, or get past the plain way and not the general one? Key, chain and
// bundle that belong together are files in the folder that SIDECERT_FUZZ_MATERIAL names; of an input, bit 1 of its first
// octet says which of the last two it takes the place of, bit 2 that it comes behind that instead.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "../openssl_error.h"
#include "../seal.h"
#include "input.h"

using namespace sidecert;

namespace {

struct Material {
  Bytes key, chain, bundle;
  std::string spiffeId;
  double nowMs = 0;
};

Bytes contentOf(const std::string& name) {
  const char* folder = std::getenv("SIDECERT_FUZZ_MATERIAL");
  std::ifstream file(std::string(folder == nullptr ? "." : folder) + "/" + name, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read; see scripts/fuzz.mjs\n", name.c_str());
    std::exit(1);
  }
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

Material readMaterial() {
  const Bytes id = contentOf("spiffe-id"), now = contentOf("now-ms");
  return {contentOf("key.der"), contentOf("chain.pem"), contentOf("bundle.pem"), std::string(id.begin(), id.end()),
          std::stod(std::string(now.begin(), now.end()))};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Material material = readMaterial();
  static const std::unique_ptr<Curves> curves = Curves::create();
  static IssuersCache cache;
  const DrainedErrors drained;
  const bool isBundle = size > 0 && (data[0] & 2) != 0;
  const bool isMore = size > 0 && (data[0] & 4) != 0;
  Bytes pem = isMore ? (isBundle ? material.bundle : material.chain) : Bytes();
  const Bytes input = pemOfInput(data, size, "CERTIFICATE");
  pem.insert(pem.end(), input.begin(), input.end());
  const View chain = isBundle ? viewOf(material.chain) : viewOf(pem);
  const View bundle = isBundle ? viewOf(pem) : viewOf(material.bundle);
  const SealRequest request{viewOf(material.key), chain, bundle, viewOf(material.spiffeId), material.nowMs, 1000};
  Result<SealedSvid> any = sealAny(request);
  std::optional<SealedSvid> plain = sealPlain(request, *curves, cache);
  if (plain && (!any.ok() || plain->certificateBody != any.value().certificateBody ||
                plain->bundleBody != any.value().bundleBody || plain->serial != any.value().serial)) {
    std::abort();
  }
  return 0;
}
