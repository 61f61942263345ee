/* `penrig label`: fills a label's template and sends it to a printer that takes ZPL (or another language of text) on a socket. */
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rig/cli/kit/command.h"

#define TEMPLATE_MAX 16384
#define WAIT_S       10
#define STEP_MS      50
#define QUIET_MS     500 /* it has all of it, and neither closes nor refuses */

struct label_options {
	const char *to;
	struct option_list set;
};

#define AT(member) offsetof(struct label_options, member)
static const struct cli_option label_table[] = {
	{.name = "to",
	 .kind = OPTION_TEXT,
	 .arg = "HOST:PORT",
	 .offset = AT(to),
	 .help = "The printer; its port is 9100 by custom. Required."},
	{.name = "set",
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = AT(set),
	 .help = "VALUE takes the place of {KEY} in the template; may be repeated."},
	{.name = NULL},
};

/* ^ and ~ begin commands of ZPL; a value is never one. */
static int check_value(const char *pair, struct err *err)
{
	const char *value = strchr(pair, '=');

	if (!value || value == pair)
		return err_set(err, -EINVAL, "--set %s: must be KEY=VALUE", pair);
	for (const char *c = value + 1; *c; c++)
		if (*c == '^' || *c == '~' || (unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(
				err, -EINVAL,
				"--set %s: a value has no ^, no ~ and no control character: a printer would obey it",
				pair);
	return 0;
}

static const char *value_of(const struct option_list *set, const char *name, size_t len)
{
	for (unsigned i = 0; i < set->count; i++)
		if (strncmp(set->item[i], name, len) == 0 && set->item[i][len] == '=')
			return set->item[i] + len + 1;
	return NULL;
}

static int fill(const struct option_list *set, const char *template, char *ret, size_t size, struct err *err)
{
	size_t len = 0;

	while (*template) {
		const char *end = *template == '{' ? strchr(template, '}') : NULL;
		const char *value = end ? value_of(set, template + 1, (size_t)(end - template - 1)) : NULL;
		size_t n = value ? strlen(value) : 1;

		if (end && !value)
			return err_set(err, -EINVAL, "the template wants %.*s: give it with --set",
				       (int)(end - template + 1), template);
		if (len + n + 1 > size)
			return err_set(err, -E2BIG, "the label is too long");
		memcpy(ret + len, value ? value : template, n);
		len += n;
		template = value ? end + 1 : template + 1;
	}
	ret[len] = '\0';
	return 0;
}

static int read_template(const char *path, char *ret, struct err *err)
{
	FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	n = fread(ret, 1, TEMPLATE_MAX, file);
	ret[n] = '\0';
	fclose(file);
	if (n == TEMPLATE_MAX || strlen(ret) != n)
		return err_set(err, -EINVAL, "%s: no template: a text of less than %d bytes", path, TEMPLATE_MAX);
	return 0;
}

static int connect_to(const char *to, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const struct timeval wait = {.tv_sec = WAIT_S};
	const char *colon = strrchr(to, ':');
	struct addrinfo *list = NULL;
	char host[256];
	int fd = -1, code;

	if (!colon || colon == to || !colon[1] || (size_t)(colon - to) >= sizeof(host))
		return err_set(err, -EINVAL, "--to %s: must be HOST:PORT", to);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - to), to);
	code = getaddrinfo(host, colon + 1, &hints, &list);
	if (code)
		return err_set(err, -ENODEV, "%s: %s", to, gai_strerror(code));
	code = ENODEV;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)); /* of connect() too */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		code = errno;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd >= 0 ? fd : err_set(err, -ENODEV, "%s: %s", to, strerror(code));
}

/* Until the printer closes; one that keeps its connections open has it once all is acknowledged. */
static int await_taken(int fd, const char *to, struct err *err)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int waited_ms = 0, quiet_ms = 0, left = 1;
	char said[256];

	while (waited_ms < WAIT_S * 1000 && quiet_ms < QUIET_MS) {
		ssize_t n = poll(&poll_fd, 1, STEP_MS) > 0 ? read(fd, said, sizeof(said)) : -1;

		if (n == 0)
			return 0;
		if (n < 0 && poll_fd.revents)
			return err_set(err, -ENODEV, "%s: the printer did not take the label: %s", to, strerror(errno));
		waited_ms += STEP_MS;
		quiet_ms = n < 0 && ioctl(fd, SIOCOUTQ, &left) == 0 && left == 0 ? quiet_ms + STEP_MS : 0;
	}
	return left == 0 ? 0 : err_set(err, -ENODEV, "%s: the label did not get there within %d s", to, WAIT_S);
}

static int send_all(int fd, const char *to, const char *text, struct err *err)
{
	size_t len = strlen(text), done = 0;

	while (done < len) {
		ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return err_set(err, -ENODEV, "%s: the label did not get there: %s", to, strerror(errno));
		done += (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	return await_taken(fd, to, err);
}

static int label_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	static char template[TEMPLATE_MAX + 1], label[4 * TEMPLATE_MAX];
	const struct label_options *o = options;
	struct err err = {""};
	int rc = o->to ? 0 : err_set(&err, -EINVAL, "--to is missing: the printer's HOST:PORT"), fd;

	(void)tables, (void)count;
	for (unsigned i = 0; rc == 0 && i < o->set.count; i++)
		rc = check_value(o->set.item[i], &err);
	if (rc == 0 && (rc = read_template(operands[0], template, &err)) == 0)
		rc = fill(&o->set, template, label, sizeof(label), &err);
	if (rc == 0) {
		fd = rc = connect_to(o->to, &err);
		if (rc >= 0) {
			rc = send_all(fd, o->to, label, &err);
			close(fd);
		}
	}
	return rc < 0 ? cli_error(rc == -ENODEV ? EXIT_DEVICE_LOST : EXIT_USAGE, "%s", err.text) : EXIT_PASS;
}

const struct command command_label = {
	.name = "label",
	.operands = "TEMPLATE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Print a unit's label on a printer that listens on a socket",
	.description =
		"TEMPLATE is a label in the printer's language, ZPL for example. {KEY} in it becomes the VALUE of "
		"--set KEY=VALUE. A "
		"value that could be a command of ZPL (^, ~, control characters) is refused. A station runs this as a "
		"hook "
		"after a pass.\n\n"
		"The exit code is 0: the printer took it, or its side of the connection acknowledged all of it; 2 "
		"wrong usage or template; 4 no printer there, it went, or it threw the label away.",
	.example = "  penrig label pen-s.zpl --to 10.0.0.9:9100 --set dut=SN-0417 --set lot=L42\n",
	.options = label_table,
	.options_size = sizeof(struct label_options),
	.run = label_run,
};
