// Text for messages.
#ifndef SIDECERT_TEXT_H
#define SIDECERT_TEXT_H

#include <string>

#include "bytes.h"

namespace sidecert {

// Why a certificate is of no use: "got ..., expected ...".
struct Problem {
  std::string got;
  std::string expected;
};

// What may stand in a log line of text from outside.
std::string printable(View octets);

std::string hexOf(View octets);

// As people read it, and as the log writes times: 2026-11-24T04:12:43.000Z.
std::string isoTime(double epochMs);

std::string wholeNumber(double number);

}  // namespace sidecert

#endif
