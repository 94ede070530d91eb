#include "socket_hub.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#ifdef __linux__
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#endif

namespace sidecert {

#ifdef __linux__

namespace {

// In one collect. An accept costs about 10 µs with its callback in JavaScript: a turn of the loop stays within a millisecond.
constexpr size_t kMaxAccepts = 64;

// Of one socket in one collect, so that who sends much does not keep the others waiting.
constexpr size_t kMaxReceiveBytes = 64 * 1024;

// Less room than this is left to the next collect: a read for a few bytes costs as much as a full one.
constexpr size_t kMinReceiveBytes = 4096;

constexpr size_t kMaxPolled = 256;

constexpr size_t kMaxPieces = 4;

// What epoll calls the listener; sockets are called by their slots.
constexpr uint64_t kListener = UINT64_MAX;

// False when no socket can have that path.
bool setPath(sockaddr_un& address, const std::string& path) {
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

SystemError systemError(const char* call) {
  const int number = errno;
  return {number == EADDRINUSE ? "EADDRINUSE" : number == EACCES ? "EACCES" : "EINVAL",
          std::string(call) + ": " + std::strerror(number)};
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (isOpen()) ::close(number_);
    number_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (isOpen()) ::close(number_);
}

int Descriptor::release() { return std::exchange(number_, -1); }

std::variant<std::unique_ptr<SocketHub>, SystemError> SocketHub::open() {
  Descriptor poll(epoll_create1(EPOLL_CLOEXEC));
  if (!poll.isOpen()) return systemError("epoll_create1");
  return std::unique_ptr<SocketHub>(new SocketHub(std::move(poll)));
}

std::optional<SystemError> SocketHub::listen(const std::string& path, int backlog) {
  sockaddr_un address{};
  if (!setPath(address, path)) {
    return SystemError{"EINVAL", "listen: got a path that is no socket's, expected 1 to 107 bytes"};
  }
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.isOpen()) return systemError("socket");
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(socket.number(), generic, sizeof address) != 0) return systemError("bind");
  if (::listen(socket.number(), backlog) != 0) return systemError("listen");
  if (!watch(EPOLL_CTL_ADD, socket.number(), EPOLLIN, kListener)) return systemError("epoll_ctl");
  listener_ = std::move(socket);
  return std::nullopt;
}

void SocketHub::stopListening() { listener_ = Descriptor(); }

void SocketHub::resumeAccepting() {
  if (listener_.isOpen()) watch(EPOLL_CTL_MOD, listener_.number(), EPOLLIN, kListener);
}

int32_t SocketHub::connect(const std::string& path) {
  sockaddr_un address{};
  if (!setPath(address, path)) return -EINVAL;
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.isOpen()) return -errno;
  // Not even a full backlog makes it wait: that is EAGAIN. (unix(7))
  if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -errno;
  const int32_t slot = serve(std::move(socket));
  return slot < 0 ? -ENOMEM : slot;
}

size_t SocketHub::collect(uint8_t* arena, size_t arenaBytes, SocketEvent* events, size_t maxEvents) {
  freeSlots_.insert(freeSlots_.end(), closedSlots_.begin(), closedSlots_.end());
  closedSlots_.clear();
  std::array<epoll_event, kMaxPolled> polled;
  const int limit = static_cast<int>(std::min(maxEvents, kMaxPolled));
  const int found = epoll_wait(poll_.number(), polled.data(), limit, 0);
  size_t count = 0;
  size_t used = 0;
  // Accepted last: what is served already goes first.
  bool isAccepting = false;
  // Ready sockets are told in the same order again and again: the one that found the arena full begins the next time, or a few
  // peers that send without end would keep all others from being heard.
  const size_t first = found > 0 ? std::exchange(resumeAt_, 0) % static_cast<size_t>(found) : 0;
  bool isFull = false;
  for (int step = 0; step < found; step += 1) {
    const size_t index = (first + static_cast<size_t>(step)) % static_cast<size_t>(found);
    const epoll_event& event = polled[index];
    if (event.data.u64 == kListener) {
      isAccepting = true;
      continue;
    }
    const auto slot = static_cast<int32_t>(event.data.u64);
    const int socket = descriptorOf(slot);
    if ((event.events & EPOLLOUT) != 0) {
      change(slot, 0, EPOLLOUT);
      events[count++] = {SocketEventKind::writable, slot, 0, 0, 0};
      // Bytes that came, too, are found by the next call: one event a socket.
      continue;
    }
    const size_t room = std::min(arenaBytes - used, kMaxReceiveBytes);
    if (room < kMinReceiveBytes) {
      if (!std::exchange(isFull, true)) resumeAt_ = index;
      continue;
    }
    const ssize_t received = ::recv(socket, arena + used, room, 0);
    if (received > 0) {
      const auto size = static_cast<size_t>(received);
      events[count++] = {SocketEventKind::received, slot, static_cast<int32_t>(used), static_cast<int32_t>(size), 0};
      used += size;
    } else if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
      // Told once: an end stays readable for ever, and a hang-up cannot be asked not to be told.
      const int reason = received == 0 ? 0 : errno;
      epoll_ctl(poll_.number(), EPOLL_CTL_DEL, socket, nullptr);
      events[count++] = {SocketEventKind::ended, slot, reason, 0, 0};
    }
  }
  if (isAccepting) count += acceptAll(events + count, std::min(maxEvents - count, kMaxAccepts));
  return count;
}

int64_t SocketHub::send(int32_t slot, const Piece* pieces, size_t count) {
  if (!isOpen(slot)) return -EBADF;
  std::array<iovec, kMaxPieces> parts{};
  const size_t used = std::min(count, kMaxPieces);
  for (size_t index = 0; index < used; index += 1) {
    parts[index] = {const_cast<uint8_t*>(pieces[index].data), pieces[index].size};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = used;
  for (;;) {
    const ssize_t sent = sendmsg(descriptorOf(slot), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return -errno;
  }
}

void SocketHub::sendAll(const Piece& own, const std::vector<Piece>& shared, Message* messages, size_t count) {
  sendings_ += 1;
  for (size_t index = 0; index < count; index += 1) {
    Message& message = messages[index];
    const auto start = static_cast<size_t>(message.start);
    const auto before = static_cast<size_t>(message.before);
    const auto behind = static_cast<size_t>(message.behind);
    const bool isWithin = message.start >= 0 && message.before >= 0 && message.behind >= 0 && start + before + behind <= own.size &&
                          (message.shared < 0 || static_cast<size_t>(message.shared) < shared.size());
    if (!isWithin || !isOpen(message.slot)) {
      message.sent = -EBADF;
      continue;
    }
    Socket& socket = sockets_[static_cast<size_t>(message.slot)];
    if (socket.cutShortIn == sendings_) {
      message.sent = 0;
      continue;
    }
    std::array<Piece, 3> pieces;
    size_t used = 0;
    size_t wanted = 0;
    const auto add = [&](const Piece& piece) {
      if (piece.size > 0) pieces[used++] = piece;
      wanted += piece.size;
    };
    add({own.data + start, before});
    if (message.shared >= 0) add(shared[static_cast<size_t>(message.shared)]);
    add({own.data + start + before, behind});
    const int64_t sent = send(message.slot, pieces.data(), used);
    if (sent < 0 || static_cast<size_t>(sent) < wanted) socket.cutShortIn = sendings_;
    message.sent = static_cast<int32_t>(sent);
  }
}

void SocketHub::awaitWritable(int32_t slot) {
  if (isOpen(slot)) change(slot, EPOLLOUT, 0);
}

void SocketHub::setReading(int32_t slot, bool isReading) {
  constexpr uint32_t reading = EPOLLIN;
  if (isOpen(slot)) change(slot, isReading ? reading : 0, isReading ? 0 : reading);
}

void SocketHub::finish(int32_t slot) {
  if (isOpen(slot)) ::shutdown(descriptorOf(slot), SHUT_WR);
}

void SocketHub::close(int32_t slot) {
  if (isOpen(slot)) forget(slot);
}

bool SocketHub::isOpen(int32_t slot) const {
  return slot >= 0 && static_cast<size_t>(slot) < sockets_.size() && sockets_[static_cast<size_t>(slot)].descriptor.isOpen();
}

bool SocketHub::watch(int operation, int descriptor, uint32_t events, uint64_t what) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = what;
  return epoll_ctl(poll_.number(), operation, descriptor, &event) == 0;
}

void SocketHub::change(int32_t slot, uint32_t added, uint32_t removed) {
  Socket& socket = sockets_[static_cast<size_t>(slot)];
  socket.interest = (socket.interest | added) & ~removed;
  watch(EPOLL_CTL_MOD, socket.descriptor.number(), socket.interest, static_cast<uint64_t>(slot));
}

size_t SocketHub::acceptAll(SocketEvent* events, size_t maxEvents) {
  size_t count = 0;
  while (count < maxEvents) {
    Descriptor socket(accept4(listener_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.isOpen()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return count;
      // Out of descriptors or memory: peers wait in the backlog, and asking at once again would only spin.
      events[count++] = {SocketEventKind::acceptFailed, -1, errno, 0, 0};
      watch(EPOLL_CTL_MOD, listener_.number(), 0, kListener);
      return count;
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.number(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) continue;
    const int32_t slot = serve(std::move(socket));
    if (slot < 0) continue;
    events[count++] = {SocketEventKind::accepted, slot, static_cast<int32_t>(peer.uid), static_cast<int32_t>(peer.gid),
                       peer.pid};
  }
  return count;
}

int32_t SocketHub::serve(Descriptor socket) {
  const int number = socket.number();
  highest_ = std::max(highest_, number);
  const int32_t slot = keep(std::move(socket));
  if (watch(EPOLL_CTL_ADD, number, EPOLLIN, static_cast<uint64_t>(slot))) return slot;
  forget(slot);
  return -1;
}

int32_t SocketHub::keep(Descriptor descriptor) {
  Socket socket{std::move(descriptor), EPOLLIN, 0};
  if (freeSlots_.empty()) {
    sockets_.push_back(std::move(socket));
    return static_cast<int32_t>(sockets_.size() - 1);
  }
  const int32_t slot = freeSlots_.back();
  freeSlots_.pop_back();
  sockets_[static_cast<size_t>(slot)] = std::move(socket);
  return slot;
}

void SocketHub::forget(int32_t slot) {
  sockets_[static_cast<size_t>(slot)] = Socket();
  closedSlots_.push_back(slot);
}

#else

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  number_ = other.release();
  return *this;
}

Descriptor::~Descriptor() = default;

int Descriptor::release() { return std::exchange(number_, -1); }

std::variant<std::unique_ptr<SocketHub>, SystemError> SocketHub::open() {
  return SystemError{"", "a socket hub is not supported here, only on Linux"};
}

std::optional<SystemError> SocketHub::listen(const std::string&, int) { return std::nullopt; }
void SocketHub::stopListening() {}
void SocketHub::resumeAccepting() {}
int32_t SocketHub::connect(const std::string&) { return -EBADF; }
size_t SocketHub::collect(uint8_t*, size_t, SocketEvent*, size_t) { return 0; }
int64_t SocketHub::send(int32_t, const Piece*, size_t) { return -EBADF; }
void SocketHub::sendAll(const Piece&, const std::vector<Piece>&, Message*, size_t) {}
void SocketHub::awaitWritable(int32_t) {}
void SocketHub::setReading(int32_t, bool) {}
void SocketHub::finish(int32_t) {}
void SocketHub::close(int32_t) {}

#endif

}  // namespace sidecert
