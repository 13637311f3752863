// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FREE_FD 3

static struct {
	char *text; /* argv[0] and those that follow it in memory */
	size_t len;
} arguments;

static int ready_fd = -1;
static int pidfile_fd = -1;
static char pidfile_path[PATH_MAX];

void process_harden(void)
{
	int fd;

	/* Whatever the starter ignores: with SIGCHLD ignored no script could be waited for. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	/* A write that is too long for the limit fails then, as on a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0);
	/* A starter may have closed some of these; what is opened later must not take their place. */
	do {
		fd = open("/dev/null", O_RDWR); /* for scripts too */
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void process_keep_arguments(int argc, char **argv)
{
	char *end = argc ? argv[0] : NULL;

	for (int i = 0; i < argc && argv[i] == end; i++)
		end += strlen(end) + 1;
	arguments.text = argc ? argv[0] : NULL;
	arguments.len = (size_t)(end - arguments.text);
}

void process_rename(const char *name)
{
	prctl(PR_SET_NAME, name);
	if (!arguments.len)
		return;
	memset(arguments.text, 0, arguments.len);
	/* Its last byte stays 0, or the kernel takes the environment for more of it. */
	memcpy(arguments.text, name, strnlen(name, arguments.len - 1));
}

int process_daemonize(void)
{
	int pipe_fds[2], status = EXIT_FAILURE;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* What the starter had open is not ours to hold: a pipe whose reader waits for its end, for one. */
		ready_fd = dup3(pipe_fds[1], FIRST_FREE_FD, O_CLOEXEC) < 0 ? pipe_fds[1] : FIRST_FREE_FD;
		if (ready_fd == FIRST_FREE_FD)
			close_range(FIRST_FREE_FD + 1, ~0u, 0);
		setsid();
		return 0;
	}
	close(pipe_fds[1]);
	do {
		n = read(pipe_fds[0], &status, sizeof(status));
	} while (n < 0 && errno == EINTR);
	_exit(n == sizeof(status) ? status : EXIT_FAILURE);
}

int process_detach(bool leave_directory)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
	/* As any daemon: a working directory keeps its file system from being unmounted. */
	return leave_directory && chdir("/") ? -errno : 0;
}

void process_ready(bool leave_directory)
{
	int status;

	if (ready_fd < 0)
		return;
	status = process_detach(leave_directory) ? EXIT_FAILURE : EXIT_SUCCESS;
	while (write(ready_fd, &status, sizeof(status)) < 0 && errno == EINTR)
		;
	close(ready_fd);
	ready_fd = -1;
}

void process_allow_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

const char *process_realtime(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		return errno == EPERM ? "not permitted; CAP_SYS_NICE is missing, or this control group has no real-time budget" :
					strerror(errno);
	/* As it is touched: a thread's stack is locked as far as it is used. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return "memory cannot be locked: CAP_IPC_LOCK is missing, or RLIMIT_MEMLOCK is too low";
	return NULL;
}

void process_realtime_alone(void)
{
	struct sched_param param;

	if (sched_getscheduler(0) == SCHED_FIFO && !sched_getparam(0, &param))
		sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

static pid_t read_pid(int fd)
{
	char text[16];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return (pid_t)atoi(text);
}

pid_t process_pidfile_holder(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	pid_t pid;

	if (fd < 0)
		return 0;
	pid = flock(fd, LOCK_SH | LOCK_NB) ? read_pid(fd) : 0;
	close(fd);
	return pid;
}

const char *process_pidfile_write(const char *path)
{
	static char wrong[64];
	char text[16];
	struct stat status;
	ssize_t n;
	int len, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

	if (fd < 0)
		return errno == ELOOP ? "is a symbolic link; must be a file of our own" : strerror(errno);
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		close(fd);
		return "is no regular file; must be a file of our own";
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		snprintf(wrong, sizeof(wrong), "is the file of running process %d", (int)read_pid(fd));
		close(fd);
		return wrong;
	}
	/* A slip of the command line must not cost somebody a file. */
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && strspn(text, "0123456789\n") != (size_t)n) {
		close(fd);
		return "is there already and holds no process id; must be a file of our own";
	}
	len = snprintf(text, sizeof(text), "%d\n", getpid());
	if (!realpath(path, pidfile_path)) {
		snprintf(wrong, sizeof(wrong), "%s", strerror(errno));
		close(fd);
		return wrong;
	}
	pidfile_fd = fd;
	n = lseek(fd, 0, SEEK_SET) || ftruncate(fd, 0) ? -1 : write(fd, text, (size_t)len);
	if (n == len)
		return NULL;
	snprintf(wrong, sizeof(wrong), "%s", n < 0 ? strerror(errno) : "cannot be written whole");
	process_pidfile_remove();
	return wrong;
}

const char *process_pidfile(void)
{
	return pidfile_fd < 0 ? NULL : pidfile_path;
}

void process_pidfile_remove(void)
{
	struct stat ours, named;

	if (pidfile_fd < 0)
		return;
	/* Somebody else's by now, perhaps. */
	if (!fstat(pidfile_fd, &ours) && !lstat(pidfile_path, &named) && ours.st_ino == named.st_ino)
		unlink(pidfile_path);
	close(pidfile_fd);
	pidfile_fd = -1;
}
