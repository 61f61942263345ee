#include "rig/fleet/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* False: it is too long, or there is nothing where something has to be. */
static bool take(char *ret, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(ret, from, len);
	ret[len] = '\0';
	return true;
}

static bool take_port(const char *text, size_t len, unsigned *ret)
{
	char digits[8], *end;

	if (!take(digits, sizeof(digits), text, len) || len == 0 || strspn(digits, "0123456789") != len)
		return false;
	*ret = (unsigned)strtoul(digits, &end, 10);
	return *ret > 0 && *ret < 65536;
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT. */
static bool take_host(const char *text, size_t len, struct address *ret)
{
	const char *end = text + len, *from = text + (*text == '[');
	const char *host_end = *text == '[' ? memchr(text, ']', len) : memchr(text, ':', len);

	if (*text == '[' && !host_end)
		return false;
	const char *behind = host_end ? host_end + (*text == '[') : end;
	host_end = host_end ? host_end : end;
	if (host_end == from || !take(ret->host, sizeof(ret->host), from, (size_t)(host_end - from)))
		return false;
	return behind == end || (*behind == ':' && take_port(behind + 1, (size_t)(end - behind - 1), &ret->port));
}

static bool take_path(const char *text, char ret[256])
{
	size_t len;

	text += strspn(text, "/");
	len = strlen(text);
	while (len && text[len - 1] == '/')
		len--;
	return take(ret, 256, text, len);
}

int address_parse(const char *text, const char *what, struct address *ret, struct err *err)
{
	const char *colon = strstr(text, "://"), *at = colon ? colon + 3 : text;
	size_t len = strcspn(at, "/");
	const char *user_end = memrchr(at, '@', len);

	*ret = (struct address){.port = 0};
	if (user_end && memchr(at, ':', (size_t)(user_end - at)))
		return err_set(err, -EINVAL,
			       "%s holds a password, which everybody sees who lists processes: put it into a file that "
			       "only its owner can read, and name that",
			       what);
	bool good = colon && take(ret->scheme, sizeof(ret->scheme), text, (size_t)(colon - text));
	if (good && user_end) {
		good = take(ret->user, sizeof(ret->user), at, (size_t)(user_end - at)) && *ret->user;
		len -= (size_t)(user_end + 1 - at);
		at = user_end + 1;
	}
	good = good && len && take_host(at, len, ret) && take_path(at + len, ret->path);
	return good ? 0 : err_set(err, -EINVAL, "%s: must be SCHEME://[USER@]HOST[:PORT][/PATH]", what);
}

/* By the number, not by its look: 127.example is a name, and whoever owns that says where it leads. */
bool address_is_here(const struct address *address)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, address->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	if (inet_pton(AF_INET6, address->host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return strcmp(address->host, "localhost") == 0;
}

static int read_line(int fd, const char *path, char ret[SECRET_MAX], struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%.300s: is no file", path);
	if (st.st_mode & 077)
		return err_set(err, -EACCES, "%.300s holds a secret and others may read it: chmod 600 %.300s", path,
			       path);
	ssize_t n = read(fd, ret, SECRET_MAX);
	if (n < 0)
		return err_set(err, -errno, "%.300s: %s", path, strerror(errno));
	size_t len = 0;
	while (len < (size_t)n && ret[len] != '\n' && ret[len] != '\r' && ret[len])
		len++;
	if (len == 0 || len >= SECRET_MAX)
		return err_set(err, -EINVAL, "%.300s: its first line must hold the secret, of less than %d bytes", path,
			       SECRET_MAX);
	ret[len] = '\0';
	return 0;
}

int secret_read(const char *path, char ret[SECRET_MAX], struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set(err, -errno, "%.300s: %s", path, strerror(errno));
	int rc = read_line(fd, path, ret, err);
	close(fd);
	if (rc)
		explicit_bzero(ret, SECRET_MAX);
	return rc;
}
