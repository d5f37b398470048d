#pragma once
/// \file
/// A VFS that stands before SQLite's own and passes everything on. What derives from it looks at calls, or delays them.

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>

namespace sqlq::sqlite {

/// While it lives, every SQLite file that this process opens goes through it. One at a time. The calls come from any
/// thread.
class Vfs {
 public:
  Vfs() : original_(sqlite3_vfs_find(nullptr)) {
    if (current_ != nullptr) throw std::runtime_error("there is a VFS of ours already");
    current_ = this;
    vfs_ = *original_;
    vfs_.zName = "before";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + original_->szOsFile;
    vfs_.xOpen = &open;
    vfs_.xDelete = [](sqlite3_vfs*, const char* name, int sync) { return current_->remove(name, sync); };
    vfs_.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
      return real().xAccess(&real(), name, flags, out);
    };
    vfs_.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
      return real().xFullPathname(&real(), name, size, out);
    };
    vfs_.xRandomness = [](sqlite3_vfs*, int size, char* out) { return real().xRandomness(&real(), size, out); };
    vfs_.xSleep = [](sqlite3_vfs*, int us) { return real().xSleep(&real(), us); };
    vfs_.xCurrentTime = [](sqlite3_vfs*, double* out) { return real().xCurrentTime(&real(), out); };
    vfs_.xCurrentTimeInt64 = [](sqlite3_vfs*, sqlite3_int64* out) { return real().xCurrentTimeInt64(&real(), out); };
    vfs_.xGetLastError = [](sqlite3_vfs*, int size, char* out) { return real().xGetLastError(&real(), size, out); };
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("cannot register a VFS");
  }
  virtual ~Vfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(original_, 1);
    current_ = nullptr;
  }
  Vfs(const Vfs&) = delete;
  Vfs& operator=(const Vfs&) = delete;

 protected:
  struct File {
    sqlite3_file base;
    sqlite3_file* real;
    const char* name;            // SQLite keeps it as long as the file is open
    const volatile char* index;  // the beginning of the WAL's index, once it was needed
  };

  /// How the WAL stands, as its index says (www.sqlite.org/walformat.html).
  struct Log {
    std::uint32_t frames = 0;  ///< committed
    std::uint32_t copied = 0;  ///< of these, into the file
    std::array<std::uint32_t, 2> salts{};  ///< others whenever it begins anew
    friend bool operator==(const Log&, const Log&) = default;
  };
  [[nodiscard]] static Log log_of(const File& file) {
    const auto number = [&](std::size_t at) {
      return *reinterpret_cast<const volatile std::uint32_t*>(file.index + at);
    };
    return file.index == nullptr ? Log{} : Log{number(16), number(96), {number(32), number(36)}};
  }

  // Each does what it is named after, before or after what derives from it has had its look.
  virtual int remove(const char* name, int sync) { return real().xDelete(&real(), name, sync); }
  virtual int write(File& f, const void* from, int n, std::int64_t at) {
    return f.real->pMethods->xWrite(f.real, from, n, at);
  }
  virtual int truncate(File& f, std::int64_t size) { return f.real->pMethods->xTruncate(f.real, size); }
  virtual int sync(File& f, int flags) { return f.real->pMethods->xSync(f.real, flags); }
  /// Nothing is to be done. Without memory-mapped reading SQLite comes here in one place only: a checkpoint has read
  /// how many frames there are, because that has changed, and has not yet read how many of them were copied.
  virtual void checkpoint_has_read_header(File&) {}

 private:
  static sqlite3_vfs& real() { return *current_->original_; }
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }
  static File& mine(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* into, int flags, int* out) {
    auto* inner = reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(into) + 1);
    auto* file = new (into) File{{nullptr}, inner, name, nullptr};
    if (name == nullptr) return SQLITE_CANTOPEN;  // what is temporary is kept in memory
    const int rc = real().xOpen(&real(), name, file->real, flags, out);
    if (rc == SQLITE_OK) file->base.pMethods = &methods();
    return rc;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods table = [] {
      sqlite3_io_methods m{};
      m.iVersion = 3;
      m.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
      m.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
        return real(f)->pMethods->xRead(real(f), to, n, at);
      };
      m.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
        return current_->write(mine(f), from, n, at);
      };
      m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) { return current_->truncate(mine(f), size); };
      m.xSync = [](sqlite3_file* f, int flags) { return current_->sync(mine(f), flags); };
      m.xFileSize = [](sqlite3_file* f, sqlite3_int64* out) { return real(f)->pMethods->xFileSize(real(f), out); };
      m.xLock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xLock(real(f), how); };
      m.xUnlock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xUnlock(real(f), how); };
      m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
        return real(f)->pMethods->xCheckReservedLock(real(f), out);
      };
      m.xFileControl = [](sqlite3_file* f, int what, void* with) {
        return real(f)->pMethods->xFileControl(real(f), what, with);
      };
      m.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
      m.xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); };
      m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
        const int rc = real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
        if (rc == SQLITE_OK && page == 0) mine(f).index = static_cast<const volatile char*>(*out);
        return rc;
      };
      m.xShmLock = [](sqlite3_file* f, int at, int n, int flags) {
        return real(f)->pMethods->xShmLock(real(f), at, n, flags);
      };
      m.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
      m.xShmUnmap = [](sqlite3_file* f, int remove) {
        mine(f).index = nullptr;
        return real(f)->pMethods->xShmUnmap(real(f), remove);
      };
      // Nothing is read behind our back.
      m.xFetch = [](sqlite3_file*, sqlite3_int64, int, void** out) {
        *out = nullptr;
        return SQLITE_OK;
      };
      m.xUnfetch = [](sqlite3_file* f, sqlite3_int64, void* page) {
        if (page == nullptr) current_->checkpoint_has_read_header(mine(f));
        return SQLITE_OK;
      };
      return m;
    }();
    return table;
  }

  static inline Vfs* current_ = nullptr;
  sqlite3_vfs* original_;
  sqlite3_vfs vfs_{};
};

}  // namespace sqlq::sqlite
