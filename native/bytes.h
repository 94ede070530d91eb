// Bytes as this addon holds them: lent, owned, and owned and secret.
#ifndef SIDECERT_BYTES_H
#define SIDECERT_BYTES_H

#include <openssl/crypto.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace sidecert {

// Bytes that have another owner. (std::span is C++20.)
struct View {
  const uint8_t* data = nullptr;
  size_t size = 0;

  bool operator==(const View& other) const {
    return size == other.size && (size == 0 || std::memcmp(data, other.data, size) == 0);
  }
  bool operator!=(const View& other) const { return !(*this == other); }
};

template <size_t N>
constexpr View viewOf(const uint8_t (&bytes)[N]) {
  return {bytes, N};
}

template <class Container>
View viewOf(const Container& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

using Bytes = std::vector<uint8_t>;

// Wipes memory before it goes back to the heap, so that nothing of a key is left where a vector grew or ended.
template <class T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) {}

  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, size_t count) {
    OPENSSL_cleanse(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  template <class U>
  bool operator==(const WipingAllocator<U>&) const {
    return true;
  }
  template <class U>
  bool operator!=(const WipingAllocator<U>&) const {
    return false;
  }
};

}  // namespace sidecert

#endif
