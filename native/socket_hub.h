// Thousands of Unix stream sockets behind one descriptor: what has happened on them is collected in one call, and what is
// to be sent goes out in one system call each, without a buffer or an object per message.
#ifndef SIDECERT_SOCKET_HUB_H
#define SIDECERT_SOCKET_HUB_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "platform.h"

namespace sidecert {

// Closes what it holds.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int number() const { return number_; }
  bool isOpen() const { return number_ >= 0; }
  // Gives it away.
  int release();

 private:
  int number_ = -1;
};

// The numbers are those of src/system/addon/addon.ts.
enum class SocketEventKind : int32_t {
  // first: uid, second: gid, third: pid of who has connected.
  accepted = 1,
  // first: where in the arena, second: how many bytes.
  received = 2,
  // first: the errno, or 0 when the peer has sent all that it will.
  ended = 3,
  // There is room again for what could not be sent.
  writable = 4,
  // first: the errno. Nothing is accepted until resumeAccepting.
  acceptFailed = 5,
};

struct SocketEvent {
  SocketEventKind kind;
  // Which socket; a number that was closed is given out again, but not before the next collect.
  int32_t slot;
  int32_t first;
  int32_t second;
  int32_t third;
};

struct Piece {
  const uint8_t* data;
  size_t size;
};

// One of many messages that are sent in one call: bytes of its own, with what it may share with others among them.
struct Message {
  int32_t slot;
  // Where its own bytes begin in the memory of all, and how many of them go before what is shared, and behind it.
  int32_t start;
  int32_t before;
  int32_t behind;
  // Which of the shared pieces; below 0 for none.
  int32_t shared;
  // The answer: how many bytes went out, or an errno, negative.
  int32_t sent;
};

class SocketHub {
 public:
  static std::variant<std::unique_ptr<SocketHub>, SystemError> open();

  // Readable, for poll(2), when collect has something to tell.
  int descriptor() const { return poll_.number(); }

  // The highest number of any socket that there has been.
  int highestDescriptor() const { return highest_; }

  // Binds `path`, which nothing is at, and listens there.
  std::optional<SystemError> listen(const std::string& path, int backlog);
  void stopListening();
  void resumeAccepting();

  // Connects to `path` as a client: the slot, or an errno, negative. A Unix socket is connected at once or not at all.
  int32_t connect(const std::string& path);

  // What has happened, at most `maxEvents`; received bytes lie in `arena` until the next call. What is left, of events or
  // of bytes, is told by the next call: so that a turn of the caller's loop is bounded, whatever peers do. Not called again
  // before all of it has been told.
  size_t collect(uint8_t* arena, size_t arenaBytes, SocketEvent* events, size_t maxEvents);

  // Sends the pieces one behind the other, without waiting: how many bytes went out, or an errno, negative.
  int64_t send(int32_t slot, const Piece* pieces, size_t count);

  // Sends many, each as `send` does. Of those that go to one slot none goes out behind one that was cut short: it is
  // answered with 0.
  void sendAll(const Piece& own, const std::vector<Piece>& shared, Message* messages, size_t count);

  // Asks for `writable`, once.
  void awaitWritable(int32_t slot);

  // Whether what comes is told, as at first. An end is told in any case, with what comes before it.
  void setReading(int32_t slot, bool isReading);

  // The peer reads an end after what was sent.
  void finish(int32_t slot);
  void close(int32_t slot);

 private:
  explicit SocketHub(Descriptor poll) : poll_(std::move(poll)) {}

  struct Socket {
    Descriptor descriptor;
    // What is polled for.
    uint32_t interest = 0;
    // The last call of sendAll in which it took less than it was given.
    uint32_t cutShortIn = 0;
  };

  bool isOpen(int32_t slot) const;
  int descriptorOf(int32_t slot) const { return sockets_[static_cast<size_t>(slot)].descriptor.number(); }
  bool watch(int operation, int descriptor, uint32_t events, uint64_t what) const;
  // Polls for `added` too, and for `removed` no more.
  void change(int32_t slot, uint32_t added, uint32_t removed);
  size_t acceptAll(SocketEvent* events, size_t maxEvents);
  // Polls it for what comes: its slot, or -1 when it cannot be polled.
  int32_t serve(Descriptor socket);
  int32_t keep(Descriptor socket);
  void forget(int32_t slot);

  Descriptor poll_;
  Descriptor listener_;
  std::vector<Socket> sockets_;
  std::vector<int32_t> freeSlots_;
  // Since the last collect: what that has found may still be told of them.
  std::vector<int32_t> closedSlots_;
  int highest_ = 0;
  // Which of the sockets that are told together was the first without room.
  size_t resumeAt_ = 0;
  // Of the calls of sendAll.
  uint32_t sendings_ = 0;
};

}  // namespace sidecert

#endif
