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
// Longer than any label in use: what is told of one.
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

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view lineAt(std::string_view text, size_t from) {
  const size_t newline = text.find('\n', from);
  return text.substr(from, newline == std::string_view::npos ? newline : newline - from);
}

// A line without what OpenSSL takes for blanks at its end: control characters and all that is not ASCII.
std::string_view trimmed(std::string_view line) {
  const auto isBlank = [](char character) {
    const auto octet = static_cast<uint8_t>(character);
    return octet <= ' ' || octet >= 0x80;
  };
  while (!line.empty() && isBlank(line.back())) line.remove_suffix(1);
  return line;
}

bool endsWithDashes(std::string_view line) {
  return line.size() >= kBegin.size() + kDashes.size() && line.substr(line.size() - kDashes.size()) == kDashes;
}

// Where one block stands: what is between its two boundary lines, and the first octet behind it.
struct PemSpan {
  std::string_view label;
  std::string_view body;
  size_t end;
  bool hasEnd;
};

// The next block from `from` on. A boundary begins at the beginning of a line, which is `start` or behind a newline, and
// fills the line.
std::optional<PemSpan> nextBlock(std::string_view text, size_t start, size_t from) {
  for (size_t at = text.find(kBegin, from); at != std::string_view::npos; at = text.find(kBegin, at + kBegin.size())) {
    if (at != start && text[at - 1] != '\n') continue;
    const std::string_view line = lineAt(text, at);
    const std::string_view boundary = trimmed(line);
    if (!endsWithDashes(boundary)) continue;
    const std::string_view label = boundary.substr(kBegin.size(), boundary.size() - kBegin.size() - kDashes.size());
    const size_t lineEnd = at + line.size();
    // The next line with dashes must be this block's end: else a block without one would swallow the one behind it.
    const size_t newline = text.find("\n-----", lineEnd);
    if (newline == std::string_view::npos) return PemSpan{label, {}, text.size(), false};
    const std::string_view endLine = lineAt(text, newline + 1);
    const std::string end = std::string(kEnd) + std::string(label) + std::string(kDashes);
    const size_t bodyAt = lineEnd + 1;
    return PemSpan{label, text.substr(bodyAt, newline + 1 - bodyAt), newline + 1 + endLine.size(),
                   trimmed(endLine) == end};
  }
  return std::nullopt;
}

bool isWanted(std::string_view label, const PemLimits& limits) {
  if (!limits.certificatesAlone) return true;
  // The second is what OpenSSL wrote before 1998, and still reads.
  return label == "CERTIFICATE" || label == "X509 CERTIFICATE";
}

// A line that has lost its breaks holds the content as well, which is not told.
std::string told(std::string_view label) {
  if (label.find(kDashes) != std::string_view::npos) return "a block without line breaks";
  return "a " + std::string(label.substr(0, kMaxLabel)) + " block";
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
  const size_t start = text.substr(0, kByteOrderMark.size()) == kByteOrderMark ? kByteOrderMark.size() : 0;
  std::vector<PemBlock> blocks;
  for (auto span = nextBlock(text, start, start); span; span = nextBlock(text, start, span->end)) {
    if (!span->hasEnd) return refuse(told(span->label) + " without its end", "the line that ends it");
    if (!isWanted(span->label, limits)) continue;
    if (blocks.size() == limits.maxBlocks) return refuse("more blocks", "at most " + std::to_string(limits.maxBlocks));
    std::optional<Bytes> der = canonicalBase64(span->body);
    if (!der) return refuse(told(span->label) + " that does not decode", "canonical base64");
    blocks.push_back({std::string(span->label), std::move(*der)});
  }
  if (blocks.empty()) return refuse("no PEM block", "at least one");
  return blocks;
}

}  // namespace sidecert
