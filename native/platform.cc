#include "platform.h"

#include <cerrno>
#include <cstring>

#ifdef __linux__
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return lastError("prctl PR_SET_DUMPABLE");
  // The same once more, should anything make the process dumpable again.
  constexpr rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return lastError("setrlimit RLIMIT_CORE");
  return std::nullopt;
}

void endWithParent(int64_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // It may have ended before that: then no signal comes any more.
  if (getppid() != parent) kill(getpid(), SIGKILL);
}

void reserveDescriptors(int count) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t highest = std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(std::max(count, 1))) - 1;
  const int any = epoll_create1(EPOLL_CLOEXEC);
  if (any < 0) return;
  // The lowest free number that is not below `highest`: the table keeps the room when it is closed.
  const int far = fcntl(any, F_DUPFD_CLOEXEC, static_cast<int>(highest));
  if (far >= 0) close(far);
  close(any);
}

#else

void reserveDescriptors(int) {}

std::variant<PeerCredentials, SystemError> peerCredentials(int) {
  return SystemError{"", "peer credentials are not supported here, only on Linux"};
}

std::optional<SystemError> forbidDumping() {
  return SystemError{"", "forbidding core dumps is not supported here, only on Linux"};
}

void endWithParent(int64_t) {}

#endif

}  // namespace sidecert
