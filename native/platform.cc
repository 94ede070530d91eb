#include "platform.h"

#include <cerrno>
#include <cstring>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/socket.h>
#endif

namespace sidecert {

#ifdef __linux__

namespace {

// strerrorname_np is glibc's alone; these are all that the calls below can bring about.
const char* nameOfError(int number) {
  switch (number) {
    case EBADF:
      return "EBADF";
    case ENOTSOCK:
      return "ENOTSOCK";
    default:
      return "EINVAL";
  }
}

SystemError lastError(const char* call) {
  const int number = errno;
  return {nameOfError(number), std::string(call) + ": " + std::strerror(number)};
}

}  // namespace

std::variant<PeerCredentials, SystemError> peerCredentials(int descriptor) {
  // Of any socket that is no Unix socket Linux would tell a peer with pid 0 and uid -1.
  int domain = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return lastError("getsockopt SO_DOMAIN");
  if (domain != AF_UNIX) return SystemError{"EAFNOSUPPORT", "peer credentials: got another socket, expected AF_UNIX"};
  ucred credentials{};
  size = sizeof credentials;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return lastError("getsockopt SO_PEERCRED");
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

std::optional<SystemError> forbidDumping() {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) return std::nullopt;
  return lastError("prctl PR_SET_DUMPABLE");
}

#else

std::variant<PeerCredentials, SystemError> peerCredentials(int) {
  return SystemError{"", "peer credentials are not supported here, only on Linux"};
}

std::optional<SystemError> forbidDumping() {
  return SystemError{"", "forbidding core dumps is not supported here, only on Linux"};
}

#endif

}  // namespace sidecert
