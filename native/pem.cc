#include "pem.h"

#include <array>
#include <optional>

#include "openssl_error.h"

namespace sidecert {

namespace {

// RFC 7468 §2: 64 characters on each line but the last, so 48 octets of DER.
constexpr size_t kLineOctets = 48;

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr size_t kMaxLabel = 40;

// Two characters for each value of 12 bits: half the look-ups of one for 6.
constexpr std::array<std::array<char, 2>, 4096> makePairs() {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kAlphabet[i >> 6], kAlphabet[i & 0x3f]};
  return pairs;
}
constexpr std::array<std::array<char, 2>, 4096> kPairs = makePairs();

constexpr uint8_t kNotBase64 = 0xff;
constexpr uint8_t kSpace = 0xfe;

constexpr std::array<uint8_t, 256> makeValues() {
  std::array<uint8_t, 256> values{};
  for (uint8_t& value : values) value = kNotBase64;
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  for (const char space : {'\r', '\n', '\t', ' '}) values[static_cast<uint8_t>(space)] = kSpace;
  return values;
}
constexpr std::array<uint8_t, 256> kValues = makeValues();

uint8_t* writeText(uint8_t* target, std::string_view text) {
  std::memcpy(target, text.data(), text.size());
  return target + text.size();
}

uint8_t* writeBase64(uint8_t* target, View octets) {
  size_t from = 0;
  for (; from + 3 <= octets.size; from += 3, target += 4) {
    const uint8_t* three = octets.data + from;
    const uint32_t bits = static_cast<uint32_t>(three[0]) << 16 | static_cast<uint32_t>(three[1]) << 8 | three[2];
    std::memcpy(target, kPairs[bits >> 12].data(), 2);
    std::memcpy(target + 2, kPairs[bits & 0xfff].data(), 2);
  }
  const size_t left = octets.size - from;
  if (left == 0) return target;
  const uint32_t second = left == 2 ? octets.data[from + 1] : 0;
  const uint32_t bits = static_cast<uint32_t>(octets.data[from]) << 16 | second << 8;
  std::memcpy(target, kPairs[bits >> 12].data(), 2);
  target[2] = static_cast<uint8_t>(left == 2 ? kAlphabet[(bits >> 6) & 0x3f] : '=');
  target[3] = '=';
  return target + 4;
}

// The octets that `body` spells, white space left out; nothing when that is not their canonical spelling, or empty.
std::optional<Bytes> canonicalBase64(std::string_view body) {
  Bytes octets;
  octets.reserve(body.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  size_t characters = 0;
  size_t padding = 0;
  for (const char character : body) {
    const uint8_t value = kValues[static_cast<uint8_t>(character)];
    if (value == kSpace) continue;
    ++characters;
    if (character == '=') {
      ++padding;
    } else if (value == kNotBase64 || padding > 0) {
      return std::nullopt;
    }
    bits = bits << 6 | (character == '=' ? 0U : value);
    if (characters % 4 == 0) {
      for (const int shift : {16, 8, 0}) octets.push_back(static_cast<uint8_t>(bits >> shift));
      bits = 0;
    }
  }
  if (characters == 0 || characters % 4 != 0 || padding > 2) return std::nullopt;
  // One pad stands for one octet that is not there, and all bits of it must be zero, so also those that the last
  // character has too many.
  for (size_t i = 0; i < padding; ++i) {
    if (octets.back() != 0) return std::nullopt;
    octets.pop_back();
  }
  return octets;
}

}  // namespace

size_t pemSize(std::string_view label, size_t derSize) {
  const size_t lines = (derSize + kLineOctets - 1) / kLineOctets;
  const size_t frame = kBegin.size() + kEnd.size() + 2 * (label.size() + kDashes.size() + 1);
  return frame + (derSize + 2) / 3 * 4 + lines;
}

uint8_t* writePem(uint8_t* target, std::string_view label, View der) {
  target = writeText(writeText(writeText(target, kBegin), label), kDashes);
  *target++ = '\n';
  for (size_t from = 0; from < der.size; from += kLineOctets) {
    const size_t left = der.size - from;
    target = writeBase64(target, {der.data + from, left < kLineOctets ? left : kLineOctets});
    *target++ = '\n';
  }
  target = writeText(writeText(writeText(target, kEnd), label), kDashes);
  *target++ = '\n';
  return target;
}

namespace {

bool isLabelCharacter(char character) {
  return (character >= 'A' && character <= 'Z') || (character >= '0' && character <= '9') || character == ' ';
}

struct BeginLine {
  std::string_view label;
  size_t end;
};

// The next "-----BEGIN LABEL-----" from `from` on.
std::optional<BeginLine> findBegin(std::string_view text, size_t from) {
  for (size_t at = text.find(kBegin, from); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
    const size_t labelAt = at + kBegin.size();
    size_t end = labelAt;
    while (end < text.size() && isLabelCharacter(text[end])) ++end;
    const size_t size = end - labelAt;
    if (size >= 1 && size <= kMaxLabel && text.substr(end, kDashes.size()) == kDashes) {
      return BeginLine{text.substr(labelAt, size), end + kDashes.size()};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<PemBlock>> readPem(View bytes, const PemLimits& limits) {
  const auto refuse = [&](const std::string& got, const std::string& expected) {
    return refusal(limits.code, limits.what, got, expected);
  };
  if (bytes.size > limits.maxBytes) {
    return refuse(std::to_string(bytes.size) + " bytes", "at most " + std::to_string(limits.maxBytes));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data), bytes.size);
  std::vector<PemBlock> blocks;
  for (auto begin = findBegin(text, 0); begin; begin = findBegin(text, begin->end)) {
    const std::string label(begin->label);
    const std::string end = std::string(kEnd) + label + std::string(kDashes);
    // The next dashes must be this block's end: else a block without end would swallow the one behind it.
    const size_t endAt = text.find(kDashes, begin->end);
    if (endAt == std::string_view::npos || text.substr(endAt, end.size()) != end) {
      return refuse("a " + label + " block without its end", end);
    }
    if (blocks.size() == limits.maxBlocks) return refuse("more blocks", "at most " + std::to_string(limits.maxBlocks));
    std::optional<Bytes> der = canonicalBase64(text.substr(begin->end, endAt - begin->end));
    if (!der) return refuse("a " + label + " block that does not decode", "canonical base64");
    blocks.push_back({label, std::move(*der)});
  }
  if (blocks.empty()) return refuse("no PEM block", "at least one");
  return blocks;
}

}  // namespace sidecert
