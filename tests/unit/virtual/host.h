/* A small host for the models' tests: asks the pen over USBTMC or a serial line, reads the sensor's frames, and steps
 * the world in whatever pieces a test wants. Shares the models' frame reader, which test_protocols proves by the
 * vectors. */
#ifndef PENRIG_TESTS_UNIT_VIRTUAL_HOST_H
#define PENRIG_TESTS_UNIT_VIRTUAL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "fixtures/virtual/frame.h"
#include "fixtures/virtual/model.h"

#define HOST_SAMPLES_MAX (1u << 22)

struct host {
	struct world *world;
	struct model *pen, *sensor;
	uint64_t now_ns, slice_ns; /* the world is advanced in slices of this length */
	uint8_t tag;
	uint16_t request;
	struct frame_reader reader;
	uint8_t reply[1024]; /* of the last request */
	size_t reply_len;
	uint64_t frames, lost_frames, gaps, events;
	uint16_t next_sequence;
	unsigned channels;             /* of stream 0 */
	int32_t *force, *displacement; /* by sample index; room for HOST_SAMPLES_MAX */
	uint64_t samples, first_lost;
	double temperature[3];
	uint64_t temperatures;
	uint64_t digest;                           /* of every byte the sensor sent */
	uint64_t short_packet_ns, longest_open_ns; /* since the last end of an IN transfer; the longest such time */
};

void host_open(struct host *host, const struct world_config *config);
void host_close(struct host *host);

/* Goes on until t seconds, reading the sensor (and feeding the pen's heartbeat every 100 ms if `heartbeat`). */
void host_until(struct host *host, double t_s, bool heartbeat);

/* Sends a line and waits 20 ms for its answer: its length, 0 when none came, < 0 when the pen is gone or halted. */
int host_ask(struct host *host, const char *line, char *answer, size_t size);
/* A request of the load-stream protocol; true when it was answered within 20 ms. */
bool host_request(struct host *host, uint8_t type, const uint8_t *body, size_t len);
/* HELLO, RATE, START. */
void host_start_sensor(struct host *host, double rate_hz);
void host_run_pen(struct host *host, double rate_hz, double depth_mm);

#endif
