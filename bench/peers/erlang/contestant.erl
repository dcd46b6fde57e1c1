%% Erlang's distribution as a contestant, started by bench_peer_erlang: messages {m, Binary} between two nodes.
%%
%%     ROLE [--connect NODE] [--payload N] ...          (the lines it speaks: bench/contestant/contestant.hpp)
%%
%% Settings, by their names in the documentation of erlang and kernel; those of the command line are with the launcher:
%%   {message_queue_data, off_heap}    of process_flag/2, for a process that may have many messages waiting
%%   Pid ! Message                     to the other process itself, not to its name; binaries are made once
%% An open loop looks for replies without sleeping: receive ... after waits for whole milliseconds.
%% With --requests the echo is a gen_server, and the ping calls it.
-module(contestant).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2, handle_info/2]).

main() ->
    os:set_signal(sigterm, default),
    process_flag(message_queue_data, off_heap),
    [Role | Options] = init:get_plain_arguments(),
    play(Role, Options),
    halt(0, [{flush, true}]).

play("echo", Options) ->
    case lists:member("--requests", Options) of
        false ->
            serve(fun echo/0);
        true ->
            {ok, _} = gen_server:start({local, contestant}, ?MODULE, [], []),
            say(["ready ", atom_to_list(node())]),
            receive after infinity -> ok end
    end;
play("sink", _) ->
    serve(fun() -> sink(0) end);
play("source", Options) ->
    Sink = partner(Options),
    {Plain, Marked} = payloads(Options),
    blocks(fun(Count, _) ->
        Begin = clock_monotonic(),
        send(Sink, {m, Plain}, Count - 1),
        Sink ! {m, Marked},
        say(["sent ", integer_to_list(Begin)])
    end);
play("ping", Options) ->
    Echo = partner(Options),
    {Plain, _} = payloads(Options),
    Message = {m, self(), Plain},
    Calls = lists:member("--requests", Options),
    blocks(fun(Count, Interval) ->
        tell_times(case Interval of
            0 when Calls -> call_after_call(Echo, {m, Plain}, Count, []);
            0 -> one_after_the_other(Echo, Message, Count, []);
            _ -> pace(Echo, Message, Count, erlang:monotonic_time(nanosecond) + 1000000, Interval)
        end)
    end);
play(Role, _) ->
    give_up(["plays echo, sink, source or ping, not ", Role]).

serve(Loop) ->
    register(contestant, self()),
    say(["ready ", atom_to_list(node())]),
    Loop().

echo() ->
    receive
        {m, From, Payload} -> From ! {m, Payload};
        {who, From} -> From ! {me, self()}
    end,
    echo().

sink(Count) ->
    receive
        {m, <<_, $L, _/binary>>} ->
            say(io_lib:format("done ~b ~b", [clock_monotonic(), Count + 1])),
            sink(0);
        {m, _} ->
            sink(Count + 1);
        {who, From} ->
            From ! {me, self()},
            sink(Count)
    end.

send(_, _, 0) -> ok;
send(To, Message, Count) ->
    To ! Message,
    send(To, Message, Count - 1).

init([]) -> {ok, []}.
handle_call(Message, _, State) -> {reply, Message, State}.
handle_cast(_, State) -> {noreply, State}.
handle_info({who, From}, State) ->
    From ! {me, self()},
    {noreply, State}.

call_after_call(_, _, 0, Times) -> lists:reverse(Times);
call_after_call(To, Message, Count, Times) ->
    Begin = erlang:monotonic_time(nanosecond),
    Message = gen_server:call(To, Message),
    call_after_call(To, Message, Count - 1, [erlang:monotonic_time(nanosecond) - Begin | Times]).

one_after_the_other(_, _, 0, Times) -> lists:reverse(Times);
one_after_the_other(To, Message, Count, Times) ->
    Begin = erlang:monotonic_time(nanosecond),
    To ! Message,
    receive {m, _} -> ok end,
    one_after_the_other(To, Message, Count - 1, [erlang:monotonic_time(nanosecond) - Begin | Times]).

%% Due: the intended instants of the next send and of the next reply.
pace(To, Message, Count, Begin, Interval) ->
    pace(To, Message, {Count, Begin}, {Count, Begin}, Interval, []).

pace(_, _, _, {0, _}, _, Times) -> lists:reverse(Times);
pace(To, Message, {Unsent, SendAt} = Sends, {Unread, ReadAt} = Reads, Interval, Times) ->
    Now = erlang:monotonic_time(nanosecond),
    if
        Unsent > 0, Now >= SendAt ->
            To ! Message,
            pace(To, Message, {Unsent - 1, SendAt + Interval}, Reads, Interval, Times);
        true ->
            receive
                {m, _} ->
                    Took = erlang:monotonic_time(nanosecond) - ReadAt,
                    pace(To, Message, Sends, {Unread - 1, ReadAt + Interval}, Interval, [Took | Times])
            after 0 ->
                erlang:yield(),
                pace(To, Message, Sends, Reads, Interval, Times)
            end
    end.

%% The process at the other node.
partner(Options) ->
    Node = list_to_atom(option("--connect", Options, "")),
    net_kernel:connect_node(Node) orelse give_up(["no node ", atom_to_list(Node)]),
    {contestant, Node} ! {who, self()},
    Partner = receive {me, Pid} -> Pid end,
    say("ready -"),
    Partner.

payloads(Options) ->
    Size = list_to_integer(option("--payload", Options, "128")),
    Plain = list_to_binary([$", lists:duplicate(Size - 2, $x), $"]),
    Marked = case Plain of
        <<_, _, Rest/binary>> when Size > 2 -> <<$", $L, Rest/binary>>;
        _ -> Plain
    end,
    {Plain, Marked}.

option(Name, [Name, Value | _], _) -> Value;
option(Name, [_ | Rest], Otherwise) -> option(Name, Rest, Otherwise);
option(_, [], Otherwise) -> Otherwise.

blocks(Run) ->
    Line = case io:get_line("") of
        eof -> [];
        Text -> string:lexemes(Text, " \n")
    end,
    case Line of
        ["run", Count] -> Run(list_to_integer(Count), 0), blocks(Run);
        ["pace", Count, Interval] -> Run(list_to_integer(Count), list_to_integer(Interval)), blocks(Run);
        _ -> ok
    end.

%% erlang:monotonic_time() has an offset and a rate of its own; this is the clock of the system, as it reads now.
clock_monotonic() ->
    Source = erlang:system_info(os_monotonic_time_source),
    {clock_id, 'CLOCK_MONOTONIC'} = lists:keyfind(clock_id, 1, Source),
    {time, Time} = lists:keyfind(time, 1, Source),
    erlang:convert_time_unit(Time, native, nanosecond).

tell_times(Times) ->
    Name = io_lib:format("/tmp/distflow-bench-~s-~b", [os:getpid(), erlang:unique_integer([positive])]),
    {ok, File} = file:open(Name, [write, exclusive, raw, binary]),
    ok = file:write(File, << <<Time:64/native>> || Time <- Times >>),
    ok = file:close(File),
    say(["times ", Name]).

say(Line) -> io:put_chars([Line, $\n]).

give_up(Why) ->
    io:put_chars(standard_error, ["contestant: ", Why, $\n]),
    halt(2, [{flush, true}]).
