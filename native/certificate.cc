#include "certificate.h"

#include <array>

#include "pem.h"

namespace sidecert {

namespace {

// Version 3 is written as 2. (RFC 5280 §4.1.2.1)
constexpr uint8_t kV3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

// X.509 wants a subject; the leaf's name is in its SAN alone.
constexpr uint8_t kEmptySubject[] = {0x30, 0x00};

// Key usage (critical: digitalSignature, keyEncipherment), extended key usage (serverAuth, clientAuth) and basic
// constraints (critical: no CA), as Istio has them. (reference: Istio C20, C21)
constexpr uint8_t kFixedExtensions[] = {
    0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x05, 0xa0,
    0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x25, 0x04, 0x16, 0x30, 0x14, 0x06, 0x08, 0x2b, 0x06, 0x01,
    0x05, 0x05, 0x07, 0x03, 0x01, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02, 0x30,
    0x0c, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x02, 0x30, 0x00};

constexpr uint8_t kAuthorityKeyIdentifierOid[] = {0x06, 0x03, 0x55, 0x1d, 0x23};
constexpr uint8_t kKeyIdentifier = 0x80;
constexpr uint8_t kSubjectAltNameCritical[] = {0x06, 0x03, 0x55, 0x1d, 0x11, 0x01, 0x01, 0xff};

constexpr int64_t kSecondsPerDay = 86'400;

struct Date {
  int64_t year;
  int month;
  int day;
};

// The proleptic Gregorian calendar, with years that begin in March so that the leap day comes last; an era has 400 of
// them. (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days)
Date dateOf(int64_t daysSince1970) {
  const int64_t days = daysSince1970 + 719'468;
  const int64_t era = days / 146'097;
  const int64_t dayOfEra = days % 146'097;
  const int64_t yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36'524 - dayOfEra / 146'096) / 365;
  const int64_t dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const int64_t marchMonth = (5 * dayOfYear + 2) / 153;
  const int month = static_cast<int>(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9);
  const int day = static_cast<int>(dayOfYear - (153 * marchMonth + 2) / 5 + 1);
  return {yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

// UTCTime until 2049, GeneralizedTime after. (RFC 5280 §4.1.2.5)
void writeTime(DerWriter<Bytes>& writer, int64_t epochSeconds) {
  const Date date = dateOf(epochSeconds / kSecondsPerDay);
  const int64_t seconds = epochSeconds % kSecondsPerDay;
  const bool isUtcTime = date.year <= 2049;
  const size_t end = writer.mark();
  const auto twoDigits = [&](int64_t value) {
    writer.octet(static_cast<uint8_t>('0' + value % 10));
    writer.octet(static_cast<uint8_t>('0' + value / 10));
  };
  writer.octet('Z');
  for (const int64_t part : {seconds % 60, seconds / 60 % 60, seconds / 3600}) twoDigits(part);
  twoDigits(date.day);
  twoDigits(date.month);
  twoDigits(date.year % 100);
  if (!isUtcTime) twoDigits(date.year / 100);
  writer.header(isUtcTime ? tag::utcTime : tag::generalizedTime, end);
}

void writeExtensions(DerWriter<Bytes>& writer, View generalNames, const LoadedSigner& signer) {
  writer.raw(generalNames);
  writer.header(tag::sequence, 0);
  writer.header(tag::octetString, 0);
  writer.raw(viewOf(kSubjectAltNameCritical));
  writer.header(tag::sequence, 0);
  const size_t namesEnd = writer.mark();
  writer.raw(signer.keyIdentifier());
  writer.header(kKeyIdentifier, namesEnd);
  writer.header(tag::sequence, namesEnd);
  writer.header(tag::octetString, namesEnd);
  writer.raw(viewOf(kAuthorityKeyIdentifierOid));
  writer.header(tag::sequence, namesEnd);
  writer.raw(viewOf(kFixedExtensions));
  writer.header(tag::sequence, 0);
  writer.header(tag::context3, 0);
}

// The leaf profile of Istio, extensions in its order. (reference: Istio C20, C21)
void writeToBeSigned(DerWriter<Bytes>& writer, const IssueRequest& request, View publicKeyInfo,
                     const LoadedSigner& signer) {
  writeExtensions(writer, request.generalNames, signer);
  writer.raw(publicKeyInfo);
  writer.raw(viewOf(kEmptySubject));
  const size_t validityEnd = writer.mark();
  writeTime(writer, request.notAfter);
  writeTime(writer, request.notBefore);
  writer.header(tag::sequence, validityEnd);
  writer.raw(signer.subject());
  writer.raw(signer.algorithm().identifier);
  writer.unsignedInteger(request.serial);
  writer.raw(viewOf(kV3));
  writer.header(tag::sequence, 0);
}

}  // namespace

Result<IssuedLeaf> issue(const IssueRequest& request, const LoadedSigner& signer, const Curves& curves) {
  Result<CheckedCsr> csr = checkCsr(request.csrPem, curves);
  if (!csr.ok()) return csr.failure();
  const View publicKeyInfo = viewOf(csr.value().publicKeyInfo);
  DerWriter<Bytes> toBeSigned(512 + request.generalNames.size + publicKeyInfo.size + signer.subject().size);
  writeToBeSigned(toBeSigned, request, publicKeyInfo, signer);
  Result<Bytes> signature = signer.sign(toBeSigned.written());
  if (!signature.ok()) return signature.failure();
  DerWriter<Bytes> leaf(toBeSigned.mark() + signature.value().size() + 64);
  leaf.raw(viewOf(signature.value()));
  leaf.bitStringHeader(0);
  leaf.raw(signer.algorithm().identifier);
  leaf.raw(toBeSigned.written());
  leaf.header(tag::sequence, 0);
  Bytes pem(pemSize("CERTIFICATE", leaf.mark()));
  writePem(pem.data(), "CERTIFICATE", leaf.written());
  return IssuedLeaf{std::move(pem), std::move(csr.value().requestedUri)};
}

}  // namespace sidecert
