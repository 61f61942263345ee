/* What a light is told: whole, the last word, and again where it failed. Through a pipe that takes little. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/cli/kit/io_light.h"

static struct io_light light;
static int reader;

static void open_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	reader = fds[0];
	io_light_opened(&light, fds[1]);
}

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	light = (struct io_light){.fd = -1};
	open_pipe();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (light.fd >= 0)
		close(light.fd);
	close(reader);
	return 0;
}

/* Until it takes no more; how many bytes that were. */
static size_t fill(void)
{
	size_t n = 0;

	while (write(light.fd, "#", 1) == 1)
		n++;
	assert_int_equal(errno, EAGAIN);
	return n;
}

static void assert_read(size_t skipped, const char *wanted)
{
	static char text[1 << 17];
	size_t len = 0;
	ssize_t n;

	while ((n = read(reader, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	assert_true(len >= skipped);
	assert_string_equal(text + skipped, wanted);
}

static void says_each_word_once(void **state)
{
	(void)state;
	assert_int_equal(io_light_write(&light), 0);
	io_light_set(&light, "OFF\n");
	assert_int_equal(io_light_write(&light), 0);
	assert_int_equal(io_light_write(&light), 0);
	io_light_set(&light, "GREEN\n");
	assert_int_equal(io_light_write(&light), 0);
	assert_read(0, "OFF\nGREEN\n");
}

/* A light that takes nothing for a while: the word that was begun is ended, then the last one follows. */
static void ends_what_it_began(void **state)
{
	static char longer[8192];
	size_t skipped = 0, n;
	char text[4096];

	(void)state;
	memset(longer, 'G', sizeof(longer) - 2);
	longer[sizeof(longer) - 2] = '\n';
	(void)fill();
	assert_true(read(reader, text, sizeof(text)) == sizeof(text)); /* a page is free again */
	io_light_set(&light, longer);
	assert_int_equal(io_light_write(&light), 1);
	assert_true(light.at > 0 && light.at < strlen(longer));
	io_light_set(&light, "AMBER\n");
	io_light_set(&light, "RED\n");
	assert_int_equal(io_light_write(&light), 1);
	for (n = 0; read(reader, text, 1) == 1;)
		if (text[0] == 'G')
			n++;
	skipped = n;
	assert_int_equal(io_light_write(&light), 0);
	assert_true(skipped < strlen(longer));
	assert_read(strlen(longer) - skipped, "RED\n");
}

static void a_full_one_is_told_later(void **state)
{
	size_t skipped = fill();

	(void)state;
	io_light_set(&light, "GREEN\n");
	assert_int_equal(io_light_write(&light), 1);
	io_light_set(&light, "RED\n");
	assert_int_equal(io_light_write(&light), 1);
	assert_read(skipped, "");
	assert_int_equal(io_light_write(&light), 0);
	assert_read(0, "GREEN\nRED\n");
}

static void one_that_came_back_is_told_again(void **state)
{
	(void)state;
	io_light_set(&light, "GREEN\n");
	assert_int_equal(io_light_write(&light), 0);
	io_light_set(&light, "RED\n");
	close(reader);
	assert_int_equal(io_light_write(&light), -EPIPE);
	close(light.fd);
	light.fd = -1;
	assert_int_equal(io_light_write(&light), -ENODEV);
	open_pipe();
	assert_int_equal(io_light_write(&light), 0);
	assert_read(0, "RED\n");
	close(reader);
	close(light.fd);
	open_pipe(); /* nothing new was wanted: what stands is said anew */
	assert_int_equal(io_light_write(&light), 0);
	assert_read(0, "RED\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_each_word_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_what_it_began, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_one_is_told_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_came_back_is_told_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
