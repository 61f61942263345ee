/* Evidence, and this program or one beside it as a child whose words are kept. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/cli/qualify/qualify.h"

#define WORDS_MAX 40
#define SAID      "said.txt"

extern char **environ;

/* ---- evidence ----------------------------------------------------------------------------------------------------- */

static void add(struct qualify *q, enum qualified state, const char *what, const char *wanted, const char *found)
{
	struct qualified_requirement *r = q->now;
	struct evidence *more = realloc(r->evidence, (r->count + 1) * sizeof(*more));

	if (!more) {
		q->no_memory = true;
		return;
	}
	r->evidence = more;
	struct evidence *e = &more[r->count++];
	e->state = state;
	text_clean(what, e->what, sizeof(e->what));
	text_clean(wanted, e->wanted, sizeof(e->wanted));
	text_clean(found, e->found, sizeof(e->found));
	r->state = state > r->state ? state : r->state;
}

void evidence(struct qualify *q, enum qualified state, const char *what, const char *wanted, const char *fmt, ...)
{
	char found[sizeof(q->now->evidence->found)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(found, sizeof(found), fmt, ap);
	va_end(ap);
	add(q, state, what, wanted, found);
}

void evidence_if(struct qualify *q, bool holds, const char *what, const char *wanted, const char *fmt, ...)
{
	char found[sizeof(q->now->evidence->found)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(found, sizeof(found), fmt, ap);
	va_end(ap);
	add(q, holds ? QUALIFIED_HOLDS : QUALIFIED_BROKEN, what, wanted, found);
}

void evidence_digits(struct qualify *q, const char *what, double found, double wanted, int digits)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*f", digits, wanted);
	evidence_if(q, fabs(found - wanted) <= 0.50001 * pow(10.0, -digits), what, text, "%.17g", found);
}

void evidence_relative(struct qualify *q, const char *what, double found, double wanted, double share)
{
	char text[64];

	snprintf(text, sizeof(text), "%.15g, to %g of it", wanted, share);
	evidence_if(q, fabs(found - wanted) <= share * fabs(wanted), what, text, "%.17g", found);
}

/* ---- programs ----------------------------------------------------------------------------------------------------- */

void trial_path(const struct qualify *q, const char *name, const char *file, char ret[QUALIFY_PATH_MAX])
{
	snprintf(ret, QUALIFY_PATH_MAX, "%s/evidence/%s%s%s", q->output, name, *file ? "/" : "", file);
}

/* The user's own keys, histories and benches have no say in it. The state is the trial's own. */
static char **environment(const char *folder, char state[QUALIFY_PATH_MAX + 32])
{
	unsigned count = 0, kept = 0;

	while (environ[count])
		count++;
	char **ret = calloc(count + 2, sizeof(*ret));
	if (!ret)
		return NULL;
	for (unsigned i = 0; i < count; i++)
		if (strncmp(environ[i], "PENRIG_", 7) != 0 && strncmp(environ[i], "XDG_STATE_HOME=", 15) != 0)
			ret[kept++] = environ[i];
	snprintf(state, QUALIFY_PATH_MAX + 32, "XDG_STATE_HOME=%s/state", folder);
	ret[kept] = state;
	return ret;
}

static int start(const char *folder, char *const *words, pid_t *ret)
{
	char path[QUALIFY_PATH_MAX + 32], state[QUALIFY_PATH_MAX + 32];
	char **own = environment(folder, state);
	posix_spawn_file_actions_t actions;

	snprintf(path, sizeof(path), "%s/" SAID, folder);
	if (!own || posix_spawn_file_actions_init(&actions) != 0) {
		free(own);
		return ENOMEM;
	}
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	int rc = posix_spawnp(ret, words[0], &actions, NULL, words, own);
	posix_spawn_file_actions_destroy(&actions);
	free(own);
	return rc;
}

int trial(struct qualify *q, const char *name, const char *const *words)
{
	char folder[QUALIFY_PATH_MAX];
	char *argument[WORDS_MAX + 1] = {NULL};
	struct err err = {""};
	int rc = 0, status = 0;
	pid_t pid;

	trial_path(q, name, "", folder);
	fflush(NULL);
	if (disk_make_folder(folder, &err) < 0) {
		evidence(q, QUALIFIED_UNKNOWN, name, "can be tried", "%s", err.text);
		return -EIO;
	}
	for (unsigned i = 0; i < WORDS_MAX && words[i] && !rc; i++)
		rc = (argument[i] = strdup(words[i])) ? 0 : ENOMEM;
	if (!rc)
		rc = start(folder, argument, &pid);
	for (unsigned i = 0; i < WORDS_MAX; i++)
		free(argument[i]);
	if (rc) {
		evidence(q, QUALIFIED_UNKNOWN, words[0], "can be started", "%s", strerror(rc));
		return -rc;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
