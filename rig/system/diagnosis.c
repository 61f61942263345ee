/* See diagnosis.h. */
#include "rig/system/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>

const char *const diagnosis_states[] = {"good", "warning", "unknown", "fault"};

struct diagnosis *diagnosis_add(struct diagnoses *findings, enum diagnosis_state state, const char *check,
				const char *subject, const char *fmt, ...)
{
	struct diagnosis *finding;
	va_list args;

	if (findings->count == DIAGNOSES_MAX) {
		findings->beyond++;
		return NULL;
	}
	finding = &findings->finding[findings->count++];
	*finding = (struct diagnosis){.state = state, .check = check};
	snprintf(finding->subject, sizeof(finding->subject), "%s", subject);
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	return finding;
}

void diagnosis_mend(struct diagnosis *finding, const char *fmt, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, fmt);
	vsnprintf(finding->remedy, sizeof(finding->remedy), fmt, args);
	va_end(args);
}

enum diagnosis_state diagnoses_worst(const struct diagnoses *findings)
{
	enum diagnosis_state worst = findings->beyond ? DIAGNOSIS_UNKNOWN : DIAGNOSIS_GOOD;

	for (unsigned i = 0; i < findings->count; i++)
		if (findings->finding[i].state > worst)
			worst = findings->finding[i].state;
	return worst;
}
