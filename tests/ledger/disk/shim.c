/* Stands between SQLite and the system: counts the disk calls of one folder, fails the n-th, or writes them all down.
 *
 * Loaded by LD_PRELOAD; steered by the four functions `disk_*` at the end, which `shim.py` calls by ctypes.
 * Of a recorded call the log has: kind (1 byte), path (2 bytes of length, bytes), offset (8), size (8), data.
 * The kinds: w write, t truncate, s sync, u unlink, m mark (a word of the program under test, in place of data).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define DESCRIPTORS 1024
#define LENGTH 512

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[LENGTH];
static char paths[DESCRIPTORS][LENGTH];
static long calls, fail_at;
static int fail_ever, fail_with;
static int log_file = -1;

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static int is_ours(const char *path) {
    return folder[0] && path && strncmp(path, folder, strlen(folder)) == 0;
}

static const char *path_of(int fd) {
    return fd >= 0 && fd < DESCRIPTORS && paths[fd][0] ? paths[fd] : NULL;
}

/* Counts a call. Returns -1 with errno if it is to fail. */
static int count(void) {
    pthread_mutex_lock(&lock);
    long at = ++calls;
    pthread_mutex_unlock(&lock);
    if (fail_at && (at == fail_at || (fail_ever && at > fail_at))) {
        errno = fail_with;
        return -1;
    }
    return 0;
}

static void note(char kind, const char *path, int64_t offset, const void *data, int64_t size) {
    if (log_file < 0) return;
    uint16_t length = (uint16_t)strlen(path);
    pthread_mutex_lock(&lock);
    typeof(&write) put = REAL(write);
    int64_t numbers[2] = {offset, size};
    if (put(log_file, &kind, 1) < 0 || put(log_file, &length, 2) < 0 || put(log_file, path, length) < 0 ||
        put(log_file, numbers, 16) < 0 || (data && size > 0 && put(log_file, data, (size_t)size) < 0))
        perror("the log of disk calls");
    pthread_mutex_unlock(&lock);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < DESCRIPTORS) {
        paths[fd][0] = 0;
        if (is_ours(path)) snprintf(paths[fd], LENGTH, "%s", path);
    }
    return fd;
}

#define OPEN(name)                                             \
    int name(const char *path, int flags, ...) {               \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = va_arg(rest, mode_t);                    \
        va_end(rest);                                          \
        if (is_ours(path) && count() < 0) return -1;           \
        return opened(REAL(name)(path, flags, mode), path);    \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < DESCRIPTORS) paths[fd][0] = 0;
    return REAL(close)(fd);
}

#define PREAD(name, type)                                              \
    ssize_t name(int fd, void *data, size_t size, type offset) {       \
        if (path_of(fd) && count() < 0) return -1;                     \
        return REAL(name)(fd, data, size, offset);                     \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define PWRITE(name, type)                                             \
    ssize_t name(int fd, const void *data, size_t size, type offset) { \
        const char *path = path_of(fd);                                \
        if (path && count() < 0) return -1;                            \
        ssize_t done = REAL(name)(fd, data, size, offset);             \
        if (path && done > 0) note('w', path, offset, data, done);     \
        return done;                                                   \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, type)                                   \
    int name(int fd, type size) {                              \
        const char *path = path_of(fd);                        \
        if (path && count() < 0) return -1;                    \
        int done = REAL(name)(fd, size);                       \
        if (path && done == 0) note('t', path, size, NULL, 0); \
        return done;                                           \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ALLOCATE(name, type)                                   \
    int name(int fd, type offset, type size) {                 \
        if (path_of(fd) && count() < 0) return errno;          \
        return REAL(name)(fd, offset, size);                   \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

#define SYNC(name)                                          \
    int name(int fd) {                                      \
        const char *path = path_of(fd);                     \
        if (path && count() < 0) return -1;                 \
        int done = REAL(name)(fd);                          \
        if (path && done == 0) note('s', path, 0, NULL, 0); \
        return done;                                        \
    }
SYNC(fsync)
SYNC(fdatasync)

#define RESIZE(name, type)                                     \
    int name(const char *path, type size) {                    \
        if (is_ours(path) && count() < 0) return -1;           \
        int done = REAL(name)(path, size);                     \
        if (done == 0 && is_ours(path)) note('t', path, size, NULL, 0); \
        return done;                                           \
    }
RESIZE(truncate, off_t)
RESIZE(truncate64, off64_t)

int unlink(const char *path) {
    if (is_ours(path) && count() < 0) return -1;
    int done = REAL(unlink)(path);
    if (done == 0 && is_ours(path)) note('u', path, 0, NULL, 0);
    return done;
}

/* From now on the calls below this folder count, from 0; the n-th fails with this error, and all later ones if `ever`. */
void disk_watch(const char *below, long n, int ever, int error) {
    snprintf(folder, LENGTH, "%s", below);
    calls = 0;
    fail_at = n;
    fail_ever = ever;
    fail_with = error;
}

long disk_calls(void) {
    return calls;
}

/* From now on the calls are written to this file. */
void disk_record(const char *path) {
    log_file = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

/* Writes a word of the program under test into the log. */
void disk_mark(const char *word) {
    note('m', "", 0, word, (int64_t)strlen(word));
}
