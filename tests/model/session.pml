/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hand-over: send and recv with their ledgers, the VMM of each side, resolve and cancel on either host, an
 * operator, and everything that may go wrong. docs/session-model.md says what is left out, and why.
 *
 * A mistake can be put in, which spin must then find.
 */
#include "matrix.pml"

c_decl {
\#include <stdlib.h>
static unsigned char given(const char *name)
{
	const char *text = getenv(name);

	return text ? (unsigned char)atoi(text) : 0;
}
};

/* How often what may go wrong, from the environment: what is not named there does not. */
byte kills;      /* deaths of send, recv and of the commands */
byte vmm_kills;  /* deaths of VMMs */
byte losses;     /* messages that do not come; connections that break */
byte doubles;    /* messages that come twice */
byte stalls;     /* waits that end although the answer is on its way, or the question may yet be read */
byte cancels;    /* cancel and resolve while send lives; SIGINT to send */
byte writes;     /* ledgers that cannot be written */
byte asks_there; /* resolve at the destination, beside recv or after it */
byte words;      /* what the operator decides */
bool try_out, realm; /* is there a BASE, a CHALLENGE? */
byte bases;      /* how many more, at most: deltas against the one before */
bool dry_run;    /* up to PREPARED, and the VM runs on before */
byte mistake;    /* 0: as the code is */
#define NO_RECORD_BEFORE_STOP    1
#define RESUME_AFTER_COMMIT      2
#define COMMIT_BEFORE_RELINQUISH 3
#define NO_ANSWER_IS_A_REFUSAL   4
#define ABORTED_BEFORE_THE_VMM   5
#define HASTY                    6 /* settle by the word of the VMM, though send lives */
#define NEW_VMM_IS_THE_OLD       7 /* whoever answers at the VMM's socket is believed */
#define COMMIT_AFTER_A_DRY_RUN   8

inline take_budgets()
{
	c_code {
		now.kills = given("KILLS");
		now.vmm_kills = given("VMM_KILLS");
		now.losses = given("LOSSES");
		now.doubles = given("DOUBLES");
		now.stalls = given("STALLS");
		now.cancels = given("CANCELS");
		now.writes = given("WRITES");
		now.asks_there = given("ASKS_THERE");
		now.words = given("WORDS");
		now.try_out = given("TRY_OUT");
		now.realm = given("REALM");
		now.bases = given("BASES");
		now.dry_run = given("DRY_RUN");
		now.mistake = given("MISTAKE");
	}
}

/* Messages of the session's connection, and of the question's. */
mtype = { HELLO, WELCOME, PREFLIGHT, READY, BASE, STOP, STATE, DIGEST, CHALLENGE, TOKEN, COMMIT, DONE, ABORT, SIGNED_ABORTED };
chan to_recv = [2] of { mtype };
chan to_send = [2] of { mtype };
bool broken; /* the session's connection: nothing more is put in */
chan question = [1] of { bit };
chan answer = [1] of { byte }; /* UNKNOWN, COMMITTED or ABORTED; not tied to a connection */
bool unanswered;
#define UNKNOWN 0

/* Who talks to a VMM, each by a connection of its own; the first two to the source's. */
#define SEND      0
#define ASKER     1 /* resolve, cancel at the source */
#define RECV      2
#define RESOLVER  3 /* recv, where it answers a question */
#define ASKER_D   4 /* resolve at the destination */
#define HOST(who) ((who) >= RECV)
chan request[5] = [2] of { byte };
byte reply[5];
#define IDLE      0
#define AWAITED   1
#define OK        2
#define REFUSED   3
#define NOTHING   4 /* it may have been done, or not, or may yet be */
#define GONE      5 /* it was not even asked */
#define OTHER     6 /* and further: what STATUS tells */
#define WAITING   7
#define TAKEN     8
#define HELD      9
#define GIVEN     10
#define NEW_VMM   11 /* another than the one that had the VM */

/* The VMMs. A VM counts as here while copy is set. */
byte vm[2];
bool up[2], has[2], copy[2], lost[2];
byte pauser; /* whose pause the source's VM has, + 1 */
bool taken; /* the destination's VMM: committed */
bool was_taken; /* ... or has it ever been */
bool renewed; /* the source's VMM is not the one that send has written down */
#define runs(side) (up[side] && copy[side] && vm[side] == V_RUNNING)

/* The movers: what is on disk, and what is in memory. */
byte disk[2], state[2];
bool proof, overridden; /* in the ledgers */
bool listening, live, send_over, sigint;
bool kill_send, kill_recv, kill_asker, kill_asker_d, parked;
bool asking, asking_d;

#define GIVE_UP stalls > 0 -> stalls--

#define is_over(s) ((s) == COMMITTED || (s) == ABORTED)

/* --- the VMM: transport/src/owner.c, for one session --- */

inline word_of_status(side)
{
	if
	:: side == DESTINATION && taken -> r = TAKEN
	:: side == SOURCE && renewed && mistake != NEW_VMM_IS_THE_OLD -> r = NEW_VMM
	:: else ->
		if
		:: !has[side] || vm[side] == V_RUNNING -> r = OTHER
		:: else ->
			if
			:: vm[side] == V_PAUSED -> r = HELD
			:: vm[side] == V_RELINQUISHED -> r = GIVEN
			:: else -> r = WAITING
			fi
		fi
	fi
}

#define owned(side)      (has[side] && vm[side] != V_ENDED)
#define owner(side, who) (has[side] && (side == DESTINATION || pauser == 0 || pauser == (who) + 1))

inline change(side, who)
{
	vm[side] = LEAD(vm[side], v) - 1;
	if
	:: v == C_PAUSE || v == C_RECLAIM -> has[side] = true; pauser = who + 1
	:: v == C_RESERVE -> has[side] = true
	:: v == C_RELINQUISH -> pauser = 0
	:: v == C_RESUME || v == C_DROP -> has[side] = false; pauser = 0
	:: v == C_COMMIT -> has[side] = false; taken = true; was_taken = true
	:: v == C_STAGE -> copy[side] = true
	:: v == C_ABORT || v == C_END -> copy[side] = false
	:: else -> skip
	fi
}

inline decide_verb(side, who)
{
	if
	:: v == C_STATUS -> word_of_status(side)
	:: v == C_DROP ->
		r = OK;
		if
		:: side == SOURCE && vm[side] == V_PAUSED && pauser == who + 1 -> change(side, who)
		:: else -> skip
		fi
	:: v == C_COMMIT && taken -> r = OK /* again, after a lost reply */
	:: v == C_PAUSE && vm[side] == V_PAUSED && owner(side, who) -> r = OK
	:: else ->
		if
		:: (v == C_PAUSE || v == C_RESERVE) && owned(side) && !owner(side, who) -> r = REFUSED
		:: LEAD(vm[side], v) == 0 -> r = REFUSED
		:: v == C_RESERVE && (taken || (vm[side] == V_PAUSED && has[side])) -> r = REFUSED
		:: v != C_PAUSE && v != C_RESERVE && !owner(side, who) -> r = REFUSED
		:: else -> r = OK; change(side, who)
		fi
	fi
}

inline serve(side, who)
{
	d_step {
		up[side] && nempty(request[who]) ->
		request[who]?v;
		decide_verb(side, who);
		if
		:: v != C_DROP && reply[who] == AWAITED -> reply[who] = r
		:: else -> skip
		fi;
		v = 0;
		r = 0
	}
}

/* One process per connection, so that none is kept waiting for ever for the sake of another. */
proctype vmm(byte who)
{
	byte v, r;
end:	do
	:: serve(HOST(who), who)
	od
}

/* --- what movers do --- */

inline ask(who, verb)
{
	atomic {
		(!up[HOST(who)] || empty(request[who]));
		if
		:: !up[HOST(who)] -> a = GONE
		:: else -> reply[who] = AWAITED; request[who]!verb; a = NOTHING
		fi
	};
	if
	:: a == GONE
	:: else ->
		if
		:: atomic { reply[who] > AWAITED -> a = reply[who]; reply[who] = IDLE }
		:: atomic { reply[who] == AWAITED && GIVE_UP; a = NOTHING; reply[who] = IDLE }
		fi
	fi
}

/* The connection ends; what was asked over it before is still served. */
inline hang_up(who)
{
	atomic {
		reply[who] = IDLE;
		if
		:: HOST(who) == SOURCE && up[SOURCE] && len(request[who]) < 2 -> request[who]!C_DROP
		:: else -> skip
		fi
	}
}

inline move(side, event)
{
	d_step {
		assert(NEXT(side, state[side], event) != 0);
		state[side] = NEXT(side, state[side], event)
	}
}

inline put(channel, message)
{
	if
	:: atomic { !broken && nfull(channel) -> channel!message }
	:: broken || full(channel)
	fi
}

#define TELL(event) st = NEXT(side_of, st, event)

/* --- send: transport/src/session_source.c --- */

/* good: the message came. A signed ABORTED is noted, whatever was awaited; anything else is a breach. */
inline hear(message)
{
	good = false;
	if
	:: atomic { to_send?m ->
		good = (m == message);
		heard = heard || (m == SIGNED_ABORTED);
		m = 0 }
	:: atomic { broken && empty(to_send) -> skip }
	:: atomic { GIVE_UP }
	fi
}

#define step_or(failed) if :: sigint -> goto failed :: else fi

proctype send()
{
	byte a, was;
	mtype m;
	bool good, heard;

	{
		put(to_recv, HELLO);
		hear(WELCOME);
		if :: !good -> goto failed :: else fi;
		move(SOURCE, E_GREET);
		step_or(failed);
		put(to_recv, PREFLIGHT);
		hear(READY);
		if :: !good -> goto failed :: else fi;
		step_or(failed);
		if :: mistake != NO_RECORD_BEFORE_STOP && !dry_run -> disk[SOURCE] = RECORDED :: else fi;
		move(SOURCE, E_RECORD);
		if
		:: try_out ->
			put(to_recv, BASE);
			hear(READY);
			if :: !good -> goto failed :: else fi;
			/* What changed since; how often depends on the VM. */
			do
			:: atomic { bases > 0 -> bases-- };
				step_or(failed);
				put(to_recv, BASE);
				hear(READY);
				if :: !good -> goto failed :: else fi
			:: break
			od
		:: else
		fi;
		step_or(failed);
		put(to_recv, STOP);
		ask(SEND, C_PAUSE);
		if :: a != OK -> goto failed :: else fi;
		move(SOURCE, E_PAUSE);
		step_or(failed);
		ask(SEND, C_CAPTURE);
		if :: a != OK -> goto failed :: else fi;
		move(SOURCE, E_CAPTURE);
		if
		:: dry_run ->
			ask(SEND, C_RESUME);
			if :: a != OK -> goto failed :: else fi
		:: else
		fi;
		put(to_recv, STATE);
		hear(DIGEST);
		if :: !good -> goto failed :: else fi;
		move(SOURCE, E_PREPARE);
		if
		:: realm ->
			step_or(failed);
			put(to_recv, CHALLENGE);
			hear(TOKEN);
			if :: !good -> goto failed :: else fi;
			move(SOURCE, E_ATTEST)
		:: else
		fi;
		step_or(failed);
		if
		:: dry_run ->
			if :: mistake == COMMIT_AFTER_A_DRY_RUN -> put(to_recv, COMMIT) :: else fi;
			goto failed
		:: else
		fi;
		move(SOURCE, E_ASK_RELINQUISH);
		if :: mistake == COMMIT_BEFORE_RELINQUISH -> put(to_recv, COMMIT) :: else fi;
		ask(SEND, C_RELINQUISH);
		if
		:: a == OK
		:: a == NOTHING && mistake != NO_ANSWER_IS_A_REFUSAL -> goto failed
		:: a == REFUSED || a == GONE || (a == NOTHING && mistake == NO_ANSWER_IS_A_REFUSAL) ->
			move(SOURCE, E_REFUSE);
			goto failed
		fi;
		move(SOURCE, E_RELINQUISH);
		step_or(failed);
		move(SOURCE, E_COMMIT);
		put(to_recv, COMMIT);
		hear(DONE);
		if :: !good -> goto failed :: else fi;
		move(SOURCE, E_DONE);
		goto finish;

failed:		was = state[SOURCE];
		if
		:: was == RELINQUISHED && !heard -> put(to_recv, ABORT); hear(0)
		:: was < RELINQUISHING && !heard -> put(to_recv, ABORT)
		:: else
		fi;
		if
		:: was == ABORTED
		:: was != ABORTED && heard -> move(SOURCE, E_PEER_ABORTED)
		:: was != ABORTED && !heard ->
			if
			:: was == COMMITTING && mistake == RESUME_AFTER_COMMIT ->
				heard = true;
				state[SOURCE] = ABORTED
			:: was != COMMITTING || mistake != RESUME_AFTER_COMMIT -> move(SOURCE, E_FAIL)
			fi
		fi;
		if
		:: state[SOURCE] == ABORTED && (was == RELINQUISHED || was == COMMITTING) ->
			ask(SEND, C_RECLAIM);
			if :: a == OK -> ask(SEND, C_RESUME) :: else fi
		:: state[SOURCE] == ABORTED && was >= PAUSED && was != RELINQUISHED && was != COMMITTING ->
			ask(SEND, C_RESUME) /* refused to a dry run that has done it */
		:: else
		fi;

		/* The outcome, if there may be a record. */
finish:		if
		:: disk[SOURCE] != NEW ->
			if
			:: atomic { disk[SOURCE] = state[SOURCE]; proof = heard }
			:: atomic { writes > 0 -> writes--; goto quit }
			fi;
			if :: disk[SOURCE] == COMMITTED -> ask(SEND, C_END) :: else fi
		:: else
		fi
	} unless { kill_send };
quit:	hang_up(SEND);
	atomic { broken = true; send_over = true; kill_send = false; a = 0; was = 0; m = 0; good = false; heard = false }
}

/* --- settle a session that another left at the destination: tools/sdei-migrate/settle.c --- */

#define LEAVE(event) st = NEXT(DESTINATION, st, event)

inline record_there()
{
	if
	:: disk[DESTINATION] = st
	:: atomic { writes > 0 -> writes--; st = PENDING }
	fi
}

inline settle_there(who)
{
	ask(who, C_STATUS);
	LEAVE(E_RESTART);
	assert(st != 0);
	if
	:: a == TAKEN -> LEAVE(E_VM_TAKEN); record_there()
	:: a == WAITING ->
		if
		:: atomic { words > 0 && who == ASKER_D && lost[SOURCE] -> words-- };
			LEAVE(E_RUN_ON_DESTINATION);
			ask(who, C_COMMIT);
			if
			:: a == OK -> overridden = true; record_there()
			:: else -> st = PENDING
			fi
		:: LEAVE(E_VM_KEPT);
			if :: mistake == ABORTED_BEFORE_THE_VMM -> disk[DESTINATION] = ABORTED :: else fi;
			ask(who, C_ABORT);
			if
			:: a == OK -> LEAVE(E_WITHDRAW); record_there()
			:: else -> st = PENDING
			fi
		fi
	:: else ->
		LEAVE(E_VM_LOST);
		if
		:: atomic { words > 0 && who == ASKER_D && lost[DESTINATION] -> words--; overridden = true };
			LEAVE(E_RUN_ON_SOURCE);
			LEAVE(E_WITHDRAW)
		:: atomic { words > 0 && who == ASKER_D && (lost[SOURCE] || was_taken) ->
				words--;
				overridden = true };
			LEAVE(E_RUN_ON_DESTINATION)
		:: true
		fi;
		record_there()
	fi;
	assert(st != 0)
}

/* --- recv: transport/src/session_destination.c, tools/sdei-migrate/receive.c --- */

inline listen_for(message)
{
	good = false;
	if
	:: atomic { to_recv?m -> good = (m == message); m = 0 }
	:: atomic { broken && empty(to_recv) -> skip }
	:: atomic { GIVE_UP }
	fi
}

inline listen_for_either(one, other)
{
	good = false;
	if
	:: atomic { to_recv?m -> good = (m == one || m == other); was_first = (m == one); m = 0 }
	:: atomic { broken && empty(to_recv) -> skip }
	:: atomic { GIVE_UP }
	fi
}

/* The session may have been taken away by whoever answers a question: then it is not this thread's any more. */
#define move_or(event, elsewhere) \
	atomic { \
		if \
		:: NEXT(DESTINATION, state[DESTINATION], event) != 0 -> \
			state[DESTINATION] = NEXT(DESTINATION, state[DESTINATION], event) \
		:: else -> goto elsewhere \
		fi \
	}

/* Durably, then the VMM, then the answer. */
inline give_up_there(who)
{
	if
	:: disk[DESTINATION] = (dry_run -> NEW : ABORTED); ask(who, C_ABORT); move(DESTINATION, E_WITHDRAW)
	:: atomic { writes > 0 -> writes--; move(DESTINATION, E_STUCK) }
	fi
}

proctype recv()
{
	byte a, st;
	mtype m;
	bool good, mine, was_first;

again:	{
		st = disk[DESTINATION];
		if :: st != NEW && !is_over(st) -> settle_there(RECV) :: else fi;
		st = 0;
		a = 0;
		listening = true;
		if
		:: !broken && state[DESTINATION] == NEW
		:: else -> goto idle
		fi;
		listen_for(HELLO);
		if :: !good -> goto failed :: else fi;
		put(to_send, WELCOME);
		listen_for(PREFLIGHT);
		if :: !good -> goto failed :: else fi;
		move(DESTINATION, E_GREET);
		ask(RECV, C_RESERVE);
		if :: a != OK -> goto failed :: else fi;
		if :: !dry_run -> disk[DESTINATION] = RECORDED :: else fi;
		live = true;
		move_or(E_RECORD, failed);
		put(to_send, READY);
		if
		:: try_out ->
			listen_for(BASE);
			if :: !good -> goto failed :: else fi;
			put(to_send, READY);
			do
			:: listen_for_either(BASE, STOP);
				if
				:: !good -> goto failed
				:: good && was_first -> put(to_send, READY)
				:: good && !was_first -> break
				fi
			od
		:: else ->
			listen_for(STOP);
			if :: !good -> goto failed :: else fi
		fi;
		listen_for(STATE);
		if :: !good -> goto failed :: else fi;
		ask(RECV, C_STAGE);
		if :: a == OK -> ask(RECV, C_PREPARED) :: else fi;
		if :: a != OK -> goto failed :: else fi;
		move_or(E_STAGE, failed);
		move_or(E_PREPARE, failed);
		put(to_send, DIGEST);
		if
		:: realm ->
			listen_for(CHALLENGE);
			if :: !good -> goto failed :: else fi;
			move_or(E_ATTEST, failed);
			put(to_send, TOKEN)
		:: else
		fi;
		listen_for(COMMIT);
		if :: !good || (dry_run && mistake != COMMIT_AFTER_A_DRY_RUN) -> goto failed :: else fi;
		move_or(E_COMMIT, failed);
		ask(RECV, C_COMMIT);
		if
		:: a == OK
		:: a == NOTHING && mistake != NO_ANSWER_IS_A_REFUSAL -> goto failed
		:: a == REFUSED || a == GONE || (a == NOTHING && mistake == NO_ANSWER_IS_A_REFUSAL) ->
			move(DESTINATION, E_REFUSE);
			mine = true; goto failed
		fi;
		move(DESTINATION, E_DONE);
		put(to_send, DONE);
		goto outcome;

failed:		if
		:: mine
		:: !mine ->
			move_or(E_FAIL, others) /* whoever took it away also ends it */
		fi;
		if
		:: state[DESTINATION] == ABORTING ->
			give_up_there(RECV);
			if :: state[DESTINATION] == ABORTED -> put(to_send, SIGNED_ABORTED) :: else fi
		:: state[DESTINATION] == ABORTED -> put(to_send, SIGNED_ABORTED)
		:: else
		fi;
		goto outcome;

others:		(state[DESTINATION] != ABORTING && state[DESTINATION] != COMMITTING);
		if :: state[DESTINATION] == ABORTED -> put(to_send, SIGNED_ABORTED) :: else fi;

outcome:	if
		:: live && state[DESTINATION] == COMMITTED -> st = COMMITTED; record_there()
		:: live && state[DESTINATION] == PENDING -> st = PENDING; settle_there(RECV)
		:: else
		fi;
idle:		hang_up(RECV);
		atomic { live = false; broken = true; st = 0; a = 0; mine = false; good = false };
end:		false
	} unless { kill_recv };
	hang_up(RECV);
	parked;
	d_step {
		do
		:: len(question) > 0 -> question?_; unanswered = true
		:: else -> break
		od;
		do
		:: len(to_recv) > 0 -> to_recv?_
		:: else -> break
		od;
		m = 0;
		st = 0;
		a = 0;
		mine = false;
		good = false;
		live = false;
		broken = true;
		unanswered = true;
		if
		:: state[DESTINATION] != NEW || broken -> state[DESTINATION] = PENDING /* only the ledger knows */
		:: else -> skip
		fi;
		kill_recv = false
	};
	goto again
}

/* op_resolve() of recv, in a thread of its own. */
proctype resolver()
{
	byte a, st;

end_again: {
end_loop:	do
		:: listening && nempty(question) ->
			atomic { question?_; st = 0; a = 0 };
			/* stop_live(): what waits for COMMIT is given up, what is being committed is waited for. */
			atomic {
				if
				:: live && NEXT(DESTINATION, state[DESTINATION], E_RESOLVE) != 0 ->
					move(DESTINATION, E_RESOLVE);
					st = ABORTING
				:: else
				fi
			};
			if :: st == ABORTING -> give_up_there(RESOLVER) :: else fi;
			if
			:: !live || state[DESTINATION] == ABORTED
			:: atomic { live && GIVE_UP }
			fi;
			st = disk[DESTINATION];
			if
			:: st != NEW && !is_over(st) && !live -> settle_there(RESOLVER)
			:: else
			fi;
			hang_up(RESOLVER);
			if
			:: atomic { nfull(answer) ->
				if
				:: is_over(st) -> answer!st
				:: else -> answer!UNKNOWN
				fi }
			:: full(answer)
			fi;
			atomic { st = 0; a = 0 }
		od
	} unless { kill_recv };
	hang_up(RESOLVER);
	atomic { listening = false; st = 0; a = 0; parked = true };
	atomic { !kill_recv -> parked = false };
	goto end_again
}

/* --- resolve and cancel at the source: settle_source() --- */

#define DECIDE(event) st = NEXT(SOURCE, st, event)
inline ask_peer()
{
	said = NEW; /* nothing */
	atomic {
		unanswered = !listening;
		if :: len(answer) > 0 -> answer?_ :: else fi;
		if
		:: listening && len(question) == 0 -> question!0
		:: else
		fi
	};
	if
	:: atomic { answer?said }
	:: atomic { unanswered && empty(answer) -> skip }
	:: atomic { GIVE_UP }
	fi
}

inline settle_here()
{
	if
	:: a == GONE || a == NOTHING || a == OTHER || a == GIVEN || a == WAITING || a == NEW_VMM ->
		if
		:: said == ABORTED -> DECIDE(E_RESTART); DECIDE(E_PEER_ABORTED)
		:: said == COMMITTED -> DECIDE(E_RESTART); DECIDE(E_PEER_COMMITTED)
		:: said != ABORTED && said != COMMITTED && beside && mistake != HASTY -> goto answered
		:: else ->
			DECIDE(E_RESTART);
			if
			:: a == OTHER -> DECIDE(E_VM_KEPT)
			:: atomic { a != OTHER && words > 0 && lost[DESTINATION] ->
					words--;
					overridden = true;
					operator = true };
				DECIDE(E_RUN_ON_SOURCE)
			:: atomic { a != OTHER && words > 0 && (lost[SOURCE] || was_taken) ->
					words--;
					overridden = true };
				DECIDE(E_RUN_ON_DESTINATION)
			:: a == NEW_VMM -> DECIDE(E_VM_LOST)
			:: a != OTHER && a != NEW_VMM -> DECIDE(E_FAIL)
			fi
		fi;
		assert(st != 0);
		if
		:: atomic { disk[SOURCE] = st; proof = proof || said == ABORTED || operator }
		:: atomic { writes > 0 -> writes--; goto answered }
		fi
	:: else -> goto answered /* paused: send is still at it */
	fi
}

inline follow_here()
{
	if
	:: a == GIVEN && st == COMMITTED -> ask(ASKER, C_END)
	:: a == GIVEN && st == ABORTED && proof ->
		ask(ASKER, C_RECLAIM);
		if :: a == OK -> ask(ASKER, C_RESUME) :: else fi
	:: else
	fi
}

/* Sooner or later somebody asks about a session that has not ended. */
#define somebody_asks (send_over && (!is_over(disk[SOURCE]) || vm[SOURCE] == V_RELINQUISHED))

proctype asker()
{
	byte a, st, said;
	bool operator, beside;

end_again: {
end_loop:	do
		:: disk[SOURCE] != NEW && somebody_asks -> asking = true;
work:			atomic { st = disk[SOURCE]; beside = !send_over };
			if :: !is_over(st) -> ask_peer() :: else fi;
			ask(ASKER, C_STATUS);
			if :: !is_over(st) -> settle_here() :: else fi;
			follow_here();
answered:		hang_up(ASKER);
			atomic { asking = false; st = 0; a = 0; said = 0; operator = false; beside = false }
		:: atomic { disk[SOURCE] != NEW && cancels > 0 -> cancels--; asking = true }; goto work
		od
	} unless { kill_asker };
	hang_up(ASKER);
	atomic { asking = false; kill_asker = false; st = 0; a = 0; said = 0; operator = false; beside = false };
	goto end_again
}

/* resolve at the destination, also beside a recv that lives */
proctype asker_there()
{
	byte a, st;

end_again: {
end_loop:	do
		:: atomic { asks_there > 0 && disk[DESTINATION] != NEW && !is_over(disk[DESTINATION]) ->
				asks_there--;
				asking_d = true;
				st = disk[DESTINATION] };
			settle_there(ASKER_D);
			hang_up(ASKER_D);
			atomic { asking_d = false; st = 0; a = 0 }
		od
	} unless { kill_asker_d };
	hang_up(ASKER_D);
	atomic { asking_d = false; kill_asker_d = false; st = 0; a = 0 };
	goto end_again
}

/* --- what goes wrong --- */

inline forget(who)
{
	do
	:: len(request[who]) > 0 -> request[who]?_
	:: else -> break
	od;
	if :: reply[who] == AWAITED -> reply[who] = NOTHING :: else fi
}

inline end_vmm(side)
{
	lost[side] = copy[side] || has[side];
	up[side] = false;
	has[side] = false;
	copy[side] = false;
	vm[side] = V_RUNNING; /* what a new VMM there shows: another VM */
	if
	:: side == SOURCE -> renewed = true; pauser = 0; forget(SEND); forget(ASKER)
	:: else -> taken = false; forget(RECV); forget(RESOLVER); forget(ASKER_D)
	fi
}

proctype faults()
{
	mtype m;

end:	do
	:: atomic { kills > 0 && !send_over && !kill_send -> kills--; kill_send = true }
	:: atomic { kills > 0 && !kill_recv && !parked -> kills--; kill_recv = true }
	:: atomic { kills > 0 && asking && !kill_asker -> kills--; kill_asker = true }
	:: atomic { kills > 0 && asking_d && !kill_asker_d -> kills--; kill_asker_d = true }
	:: d_step { vmm_kills > 0 && up[SOURCE] -> vmm_kills--; end_vmm(SOURCE) }
	:: d_step { vmm_kills > 0 && up[DESTINATION] -> vmm_kills--; end_vmm(DESTINATION) }
	:: atomic { !up[SOURCE] -> up[SOURCE] = true }
	:: atomic { !up[DESTINATION] -> up[DESTINATION] = true }
	:: atomic { losses > 0 && nempty(to_recv) -> to_recv?_; losses--; broken = true }
	:: atomic { losses > 0 && nempty(to_send) -> to_send?_; losses--; broken = true }
	:: atomic { losses > 0 && nempty(question) -> question?_; losses--; unanswered = true }
	:: atomic { losses > 0 && nempty(answer) -> answer?_; losses--; unanswered = true }
	:: atomic { losses > 0 && !broken -> losses--; broken = true }
	:: atomic { doubles > 0 && len(to_recv) == 1 -> doubles--; to_recv?m; to_recv!m; to_recv!m; m = 0 }
	:: atomic { doubles > 0 && len(to_send) == 1 -> doubles--; to_send?m; to_send!m; to_send!m; m = 0 }
	:: atomic { doubles > 0 && nempty(question) && nfull(answer) -> doubles--; answer!UNKNOWN }
	:: atomic { cancels > 0 && !sigint && !send_over -> cancels--; sigint = true }
	od
}

init
{
	d_step {
		fill_tables();
		take_budgets();
		up[SOURCE] = true;
		up[DESTINATION] = true;
		copy[SOURCE] = true;
		vm[SOURCE] = V_RUNNING;
		vm[DESTINATION] = V_RUNNING;
		disk[SOURCE] = NEW;
		disk[DESTINATION] = NEW;
		state[SOURCE] = NEW;
		state[DESTINATION] = NEW
	};
	atomic {
		run vmm(SEND);
		run vmm(ASKER);
		run vmm(RECV);
		run vmm(RESOLVER);
		run send();
		run recv();
		run resolver();
		run asker();
		if
		:: asks_there > 0 -> run vmm(ASKER_D); run asker_there()
		:: else
		fi;
		run faults()
	}
}

/* --- what must hold --- */

#define two_run (runs(SOURCE) && runs(DESTINATION))
/* "Aborted" is said only by who can make sure; "committed" only if it was. */
#define lie ((disk[DESTINATION] == ABORTED && was_taken) || (disk[SOURCE] == ABORTED && was_taken) || \
	     (disk[SOURCE] == COMMITTED && !was_taken))
#define excused overridden

#ifndef LIVE
active proctype watch()
{
	end: atomic { two_run || (lie && !excused) -> assert(!two_run); assert(!lie) }
}
#endif

#ifdef LIVE
ltl some_run { [] <> (runs(SOURCE) || runs(DESTINATION)) }
ltl cancel_answered { [] (asking -> <> !asking) }
ltl doubt_ends { [] (send_over -> <> (disk[SOURCE] == NEW || is_over(disk[SOURCE]))) }
#endif
