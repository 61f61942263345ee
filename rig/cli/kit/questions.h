/* Questions whose answers become a file: from the command line (KEY=VALUE), from a person at a terminal, or from a program on
 * a descriptor, a line for each. An answer of the wrong form is asked for again where somebody can be asked. */
#ifndef PENRIG_CLI_KIT_QUESTIONS_H
#define PENRIG_CLI_KIT_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "rig/base/error.h"
#include "rig/cli/kit/command.h"

#define ANSWER_MAX 256

enum answer_kind {
	ANSWER_TEXT,
	ANSWER_NUMBER, /* within lo and hi */
	ANSWER_PAIR,   /* two of them, the lower one first: "20 26" */
	ANSWER_DATE,   /* YYYY-MM-DD */
};

struct question {
	const char *key;      /* on the command line, and in messages */
	const char *text;     /* one line, without a question mark */
	const char *fallback; /* what an empty line stands for; NULL: it must be answered; "": it may be left open */
	enum answer_kind kind;
	double lo, hi; /* both 0: any */
};

struct questions {
	const struct option_list *given; /* "KEY=VALUE" of the command line */
	int fd;                          /* where lines come from; -1: nobody can be asked */
	bool shown;                      /* questions are printed: a person reads them */
};

/* The answer, of its form; "" where it was left open. -EINVAL: it has the wrong form, or there is none and nobody to ask, with the key. */
int question_ask(const struct questions *questions, const struct question *question, char ret[ANSWER_MAX],
		 struct err *err);

/* Whether the command line answers it: then nobody is asked, not again either. */
bool question_given(const struct questions *questions, const char *key);

/* Every KEY that was given stands for a question of the table (NULL key behind the last), or for one of `others` (NULL behind
 * the last): else -EINVAL with the nearest. */
int questions_check(const struct questions *questions, const struct question *table, const char *const *others,
		    struct err *err);

/* Numbers of an answer that has its form: 1 of ANSWER_NUMBER, 2 of ANSWER_PAIR. */
void answer_numbers(const char *answer, double ret[2]);

#endif
