#include "rig/offline/import/statement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json_scan.h"

static int check(const char *path, const char *text, size_t len, struct err *err)
{
	size_t bad = 0, line = 1;
	if (len > STATEMENT_MAX)
		return err_set(err, -EINVAL,
			       "%.300s: a statement has at most %d bytes: keep papers elsewhere, and name them in it",
			       path, STATEMENT_MAX);
	if (!json_utf8_valid(text, len, &bad))
		return err_set(err, -EINVAL, "%.300s: byte %zu is no UTF-8: save the statement as plain text in UTF-8",
			       path, bad + 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 127)
			return err_set(err, -EINVAL,
				       "%.300s:%zu: a control character: save the statement as plain text", path, line);
		line += c == '\n';
	}
	if (strspn(text, " \t\r\n") == len)
		return err_set(err, -EINVAL, "%.300s is blank: what does the witness state?", path);
	return 0;
}

int statement_read(const char *path, char **ret, size_t *ret_len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	char *text = calloc(1, STATEMENT_MAX + 2); /* one more than may be there, and the end */
	int rc = in && text ? 0
		 : in       ? err_set(err, -ENOMEM, "out of memory")
			    : err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	size_t len = rc ? 0 : fread(text, 1, STATEMENT_MAX + 1, in);
	if (!rc && ferror(in))
		rc = err_set(err, -EIO, "%.300s cannot be read", path);
	if (!rc)
		rc = check(path, text, len, err);
	if (in)
		fclose(in);
	if (rc) {
		free(text);
		return rc;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}
