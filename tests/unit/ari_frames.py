"""Messages of Asterisk's REST interface, written out by hand: what it tells, and what it answers.

The shapes are those of the interface's own description (REST 2.0.0); names, numbers and ids are
invented.
"""

from typing import Final

CALLER: Final = (
    '{"id":"1764143488.7","name":"PJSIP/trunk-00000003","state":"Up","protocol_id":"a@10.0.0.9",'
    '"caller":{"name":"Ada","number":"+4930123456"},"connected":{"name":"","number":""},'
    '"accountcode":"","dialplan":{"context":"inbound","exten":"4000","priority":2,'
    '"app_name":"Stasis","app_data":"acd,call"},"creationtime":"2026-11-26T07:51:28.896+0000",'
    '"language":"en","channelvars":{"ACD_CALL":"shop-c-1","UUI":null},"caller_rdnis":""}'
)
LEG: Final = (
    '{"id":"shop-o-1","name":"PJSIP/101-00000004","state":"Ringing","protocol_id":"",'
    '"caller":{"name":"","number":""},"connected":{"name":"","number":""},"accountcode":"",'
    '"dialplan":{"context":"agents","exten":"s","priority":1,"app_name":"AppDial2",'
    '"app_data":"(Outgoing Line)"},"creationtime":"2026-11-26T07:51:30.001+0000","language":"en"}'
)
BRIDGE: Final = (
    '{"id":"shop-c-1-b","technology":"simple_bridge","bridge_type":"mixing","bridge_class":"stasis",'
    '"creator":"Stasis","name":"","channels":["1764143488.7","shop-o-1"],'
    '"creationtime":"2026-11-26T07:51:31.000+0000","video_mode":"none"}'
)
ENDPOINT: Final = (
    '{"technology":"PJSIP","resource":"101","state":"online","channel_ids":["shop-o-1"]}'
)
PLAYBACK: Final = (
    '{"id":"p-1","media_uri":"sound:welcome","target_uri":"channel:1764143488.7",'
    '"language":"en","state":"done"}'
)
REST: Final = (
    ',"timestamp":"2026-11-26T07:51:31.500+0000","asterisk_id":"aa:bb","application":"acd"}'
)

EVENTS: Final = {
    "StasisStart": ('{"type":"StasisStart","args":["call","vip"],"channel":' + CALLER + REST),
    "StasisStart for another": (
        '{"type":"StasisStart","args":[],"channel":' + LEG + ',"replace_channel":' + CALLER + REST
    ),
    "StasisStart, type last": (
        '{"args":["call"],"channel":' + CALLER + ',"application":"acd","type":"StasisStart"}'
    ),
    "StasisEnd": '{"type":"StasisEnd","channel":' + CALLER + REST,
    "ChannelCreated": '{"type":"ChannelCreated","channel":' + LEG + REST,
    "ChannelDestroyed": (
        '{"type":"ChannelDestroyed","cause":17,"cause_txt":"User busy","channel":' + LEG + REST
    ),
    "ChannelStateChange": '{"type":"ChannelStateChange","channel":' + LEG + REST,
    "ChannelHangupRequest": (
        '{"type":"ChannelHangupRequest","cause":16,"channel":' + CALLER + REST
    ),
    "ChannelHangupRequest, ours": (
        '{"type":"ChannelHangupRequest","cause":32,"soft":true,"channel":' + LEG + REST
    ),
    "ChannelEnteredBridge": (
        '{"type":"ChannelEnteredBridge","bridge":' + BRIDGE + ',"channel":' + LEG + REST
    ),
    "ChannelLeftBridge": (
        '{"type":"ChannelLeftBridge","bridge":' + BRIDGE + ',"channel":' + LEG + REST
    ),
    "ChannelHold": '{"type":"ChannelHold","musicclass":"default","channel":' + LEG + REST,
    "ChannelUnhold": '{"type":"ChannelUnhold","channel":' + LEG + REST,
    "ChannelDtmfReceived": (
        '{"type":"ChannelDtmfReceived","digit":"5","duration_ms":80,"channel":' + CALLER + REST
    ),
    "Dial": (
        '{"type":"Dial","dialstatus":"RINGING","forward":"","dialstring":"101","caller":'
        + CALLER
        + ',"peer":'
        + LEG
        + REST
    ),
    "EndpointStateChange": '{"type":"EndpointStateChange","endpoint":' + ENDPOINT + REST,
    "PlaybackFinished": '{"type":"PlaybackFinished","playback":' + PLAYBACK + REST,
    "BridgeBlindTransfer": (
        '{"type":"BridgeBlindTransfer","channel":'
        + LEG
        + ',"transferee":'
        + CALLER
        + ',"exten":"102","context":"in","result":"Success","is_external":true,"bridge":'
        + BRIDGE
        + REST
    ),
    "BridgeAttendedTransfer": (
        '{"type":"BridgeAttendedTransfer","transferer_first_leg":'
        + LEG
        + ',"transferer_second_leg":'
        + LEG
        + ',"transferee":'
        + CALLER
        + ',"result":"Success","is_external":true,"destination_type":"bridge"'
        + REST
    ),
    "ApplicationReplaced": '{"type":"ApplicationReplaced"' + REST,
}
"""Events that are decoded, by what they show. The first word is the type."""

IGNORED: Final = {
    "ChannelVarset": (
        '{"type":"ChannelVarset","variable":"X","value":"1","channel":' + CALLER + REST
    ),
    "ContactStatusChange": (
        '{"type":"ContactStatusChange","endpoint":' + ENDPOINT + ',"contact_info":{"uri":"sip:1"}}'
    ),
    "SomethingOfTomorrow": '{"type":"SomethingOfTomorrow","channel":7}',
}
"""Messages that nobody needs, by their types."""

INFO: Final = (
    '{"build":{"os":"Linux","kernel":"6.1","machine":"x86_64","options":"","date":"2026-07-20",'
    '"user":"nobody"},"system":{"version":"22.10.1~dfsg+~cs6.15","entity_id":"aa:bb"},'
    '"config":{"name":"","default_language":"en","setid":{"user":"","group":""}},'
    '"status":{"startup_time":"2026-11-26T07:00:00.000+0000",'
    '"last_reload_time":"2026-11-26T07:00:00.000+0000"}}'
)
"""The answer to GET asterisk/info."""

ANSWERS: Final = {
    "nothing to say": (
        7,
        204,
        "",
        '{"type":"RESTResponse","transaction_id":"7","request_id":"7","status_code":204,'
        '"reason_phrase":"No Content","uri":"channels/x/ring"' + REST,
    ),
    "a list": (
        -3,
        200,
        "[]",
        '{"type":"RESTResponse","transaction_id":"","request_id":"-3","status_code":200,'
        '"reason_phrase":"OK","uri":"channels","content_type":"application/json",'
        '"message_body":"[]"' + REST,
    ),
    "not found": (
        8,
        404,
        '{"message":"Channel not found"}',
        '{"type":"RESTResponse","transaction_id":"8","request_id":"8","status_code":404,'
        '"reason_phrase":"Not Found","uri":"channels/x","content_type":"application/json",'
        '"message_body":"{\\"message\\":\\"Channel not found\\"}"' + REST,
    ),
}
"""Answers on the WebSocket: ticket, status, body, and the message."""

NO_ANSWER: Final = (
    '{"type":"RESTResponse","transaction_id":"","request_id":"","status_code":400,'
    '"reason_phrase":"Failed to parse request message JSON","uri":""' + REST,
    '{"type":"RESTResponse","request_id":"7 ","status_code":200}',
    '{"type":"RESTResponse","request_id":"\\u0667","status_code":200}',
    '{"type":"RESTResponse","request_id":"99999999999999999999","status_code":200}',
)
"""Answers to what we did not ask."""
