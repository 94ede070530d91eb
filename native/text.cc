#include "text.h"

#include <array>
#include <ctime>

namespace sidecert {

namespace {

// How much of a foreign text is told.
constexpr size_t kMaxTold = 200;

}  // namespace

std::string printable(View octets) {
  std::string told;
  for (size_t i = 0; i < octets.size && i < kMaxTold; ++i) {
    const uint8_t octet = octets.data[i];
    told += octet >= 0x20 && octet < 0x7f && octet != '"' ? static_cast<char>(octet) : '?';
  }
  return told;
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

std::string isoTime(double epochMs) {
  constexpr int64_t kSecondMs = 1000;
  const auto milliseconds = static_cast<int64_t>(epochMs);
  const int64_t fraction = ((milliseconds % kSecondMs) + kSecondMs) % kSecondMs;
  const auto seconds = static_cast<time_t>((milliseconds - fraction) / kSecondMs);
  std::tm parts{};
  std::array<char, 64> text{};
  if (gmtime_r(&seconds, &parts) == nullptr || std::strftime(text.data(), text.size(), "%FT%T", &parts) == 0) {
    return wholeNumber(epochMs);
  }
  return std::string(text.data()) + "." + std::to_string(kSecondMs + fraction).substr(1) + "Z";
}

std::string wholeNumber(double number) { return std::to_string(static_cast<int64_t>(number)); }

}  // namespace sidecert
